// The code that the documents show is the code that the tests run.
import { runInNewContext } from 'node:vm';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';

const samples = import.meta.dirname;

const pageOf = (document: string) => readFileSync(join(samples, '../../docs', document), 'utf8');

it.each([
  ['websockets.md', 'gateways/ws-notes.gateway.ts'],
  ['websockets.md', 'gateways/io-notes.gateway.ts'],
  ['websockets.md', 'gateways/nginx.conf'],
])('docs/%s shows %s as it is', (document, file) => {
  expect(pageOf(document)).toContain(`\n${readFileSync(join(samples, file), 'utf8')}\``);
});

/** In the place of a browser's: it does what a test says. */
interface FakeSocket {
  readonly onopen?: () => void;
  readonly onmessage: () => void;
  readonly onclose: (event: { code: number }) => void;
}

/** Runs what a page shows for `WebSocket`; `next` lets the pause pass and gives the socket of the next attempt. */
function browser() {
  const [, code] = /With `WebSocket`:\n\n```js\n(.*?)```/s.exec(pageOf('websockets.md'))!;
  const [sockets, pages]: [FakeSocket[], string[]] = [[], []];
  const timers: { connect: () => void; ms: number }[] = [];
  const WebSocket = function (this: FakeSocket) {
    sockets.push(this);
  };
  const location = { host: 'shop.example', assign: (page: string) => void pages.push(page) };
  const setTimeout = (connect: () => void, ms: number) => void timers.push({ connect, ms });
  runInNewContext(`${code}\nconnect();`, { WebSocket, location, setTimeout });
  const close = (closeCode: number, ...before: ('onopen' | 'onmessage')[]) => {
    for (const event of before) sockets.at(-1)![event]?.();
    sockets.at(-1)!.onclose({ code: closeCode });
    const timer = timers.pop();
    timer?.connect();
    return timer?.ms;
  };
  return { sockets, pages, close };
}

describe('the client with WebSocket of docs/websockets.md', () => {
  it('waits longer after each refusal, though a refused connection opens first', () => {
    const { close } = browser();
    const pauses = Array.from({ length: 8 }, () => close(1013, 'onopen')!);
    expect(pauses[0]).toBeLessThan(1_500);
    expect(Math.min(...pauses.slice(5))).toBeGreaterThanOrEqual(10_000);
    expect(close(1006, 'onopen', 'onmessage')).toBeLessThan(1_500);
  });

  it('connects once more after 1008, since the browser may have a newer cookie, and then signs in', () => {
    const { close, pages, sockets } = browser();
    close(1008, 'onopen', 'onmessage');
    close(1008, 'onopen', 'onmessage');
    expect([sockets.length, pages]).toEqual([3, []]);
    close(1008, 'onopen');
    expect([sockets.length, pages]).toEqual([3, ['/login']]);
  });
});
