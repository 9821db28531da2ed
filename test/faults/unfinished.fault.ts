// Connections that send the beginning of a body and wait: they cost nobody else anything.
import { afterAll, beforeAll, expect, it, jest } from '@jest/globals';
import { startStack, type Stack } from '@roam/local-stack';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { expectHarmless } from './expect-outcome.js';
import { Scene, type Fault } from './scene.js';

jest.setTimeout(10 * 60_000);

/** Longer than nginx waits for the next part of a body. */
const LASTS_MS = 12_000;

let stack: Stack;
beforeAll(async () => {
  stack = await startStack({ env: { SESSION_METHOD: 'mysql' } });
}, 180_000);
afterAll(() => stack?.stop());

/** Begins a request on each connection, and keeps those open that are closed meanwhile. */
async function flood(url: string, paths: readonly string[], connections: number, from: string): Promise<void> {
  const { hostname, port } = new URL(url);
  const open: Socket[] = [];
  let isOver = false;
  const hold = async (path: string) => {
    while (!isOver) {
      const socket = connect({ host: hostname, port: Number(port), localAddress: from, family: 4 });
      open.push(socket);
      socket.on('error', () => undefined);
      socket.resume();
      const head = [
        `POST ${path} HTTP/1.1`,
        `Host: ${hostname}`,
        'Content-Type: application/json',
        'Content-Length: 9000',
      ];
      socket.write(`${head.join('\r\n')}\r\n\r\n{`);
      await once(socket, 'close');
      await sleep(50);
    }
  };
  const holding = Array.from({ length: connections }, (_, i) => hold(paths[i % paths.length]));
  await sleep(LASTS_MS);
  isOver = true;
  for (const socket of open) socket.destroy();
  await Promise.all(holding);
}

const faultOf = (name: string, inject: Fault['inject']): Fault => ({ name, inject, longestWait: 1_000 });

it.each([
  faultOf('400 connections with unfinished bodies to one path', ({ stack: { url } }) =>
    flood(url, ['/api/streams/anything'], 400, '127.0.0.1'),
  ),
  faultOf('900 connections with unfinished bodies to three paths', ({ stack: { url } }) =>
    flood(url, ['/api/login', '/api/cart/apple', '/'], 900, '127.0.0.1'),
  ),
  faultOf('400 connections with unfinished bodies past nginx', ({ stack: { servers } }, round) =>
    flood(servers[round % servers.length].url, ['/api/login'], 400, '127.0.0.9'),
  ),
])('$name', async (fault) => {
  await expectHarmless(new Scene({ stack, method: 'mysql' }), fault);
  expect(stack.servers.every(({ pid }) => pid !== null)).toBe(true);
});
