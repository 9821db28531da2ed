// Routes that take longer, take more or have effects, through nginx: with their declarations, and without them.
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { projectDir, startStack, type Stack } from '@roam/local-stack';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from '../support/browser.js';
import { isRefused } from '../support/retry-refused.js';
import { register } from '../support/people.js';
import { until } from '../support/until.js';

jest.setTimeout(120_000);

const MiB = 1024 * 1024;
let stack: Stack;
beforeAll(async () => {
  const preload = join(projectDir, 'test/support/route-handlers.mjs');
  stack = await startStack({ servers: 3, topology: 'single', preload });
}, 180_000);
afterAll(() => stack?.stop());

const at = (path: string) => `${stack.url}/api/test/${path}`;
const patient = () => new Client(stack.url, { timeoutMs: 20_000 });

/** What a browser sends for `<input type="file" name="file">`. */
function withFile(size: number, fields: Record<string, string> = {}): FormData {
  const form = new FormData();
  form.set('file', new Blob([Buffer.alloc(size, 5)]), 'picture.jpg');
  for (const [name, value] of Object.entries(fields)) form.set(name, value);
  return form;
}

describe('a report of five seconds', () => {
  it('is whole where its route declares its time, also what the database does for it', async () => {
    const answer = await patient().get(at('reports/declared'));
    expect([answer.status, answer.json()]).toEqual([200, { report: 'whole' }]);
  });

  it('is cut off where it does not, with a reason', async () => {
    const answer = await patient().get(at('reports/plain'));
    expect(answer.status).toBe(503);
    expect(answer.json<{ error: { code: string } }>().error.code).toMatch(/^(timeout|unavailable)$/);
  });
});

describe('an upload of 5 MB', () => {
  it('arrives where its route declares its size', async () => {
    const answer = await fetch(at('uploads/declared'), { method: 'POST', body: withFile(5 * MiB) });
    expect([answer.status, await answer.json()]).toEqual([201, { size: 5 * MiB }]);
  });

  it.each([
    ['where nothing is declared', 'uploads/plain', 5],
    ['beyond what is declared', 'uploads/declared', 7],
  ])('is refused %s, in JSON', async (_where, path, size) => {
    const answer = await fetch(at(path), { method: 'POST', body: withFile(size * MiB) });
    expect([answer.status, answer.headers.get('content-type')]).toEqual([413, 'application/json']);
    expect(await answer.json()).toMatchObject({ error: { code: 'too_large' } });
  });

  it('is refused for its type where it is small enough', async () => {
    const answer = await fetch(at('uploads/plain'), { method: 'POST', body: withFile(100) });
    expect([answer.status, await answer.json()]).toMatchObject([415, { error: { code: 'unsupported_media_type' } }]);
  });

  it('passes with the token of its form, among the fields or in a header, and not without', async () => {
    const client = new Client(stack.url, { retryOn: isRefused });
    await register(client);
    const page = await client.get('/account/password');
    const token = /name="_csrf" value="([^"]+)"/.exec(page.text)![1];
    const cookie = [...client.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const send = async (fields: Record<string, string>, headers: Record<string, string> = {}) =>
      fetch(at('uploads/form'), {
        method: 'POST',
        body: withFile(5 * MiB, fields),
        headers: { cookie, origin: new URL(stack.url).origin, ...headers },
      });
    for (const answer of [await send({ _csrf: token }), await send({}, { 'X-CSRF-Token': token })])
      expect([answer.status, await answer.json()]).toEqual([201, { size: 5 * MiB }]);
    expect((await send({ _csrf: 'forged' })).status).toBe(403);
    expect((await send({})).status).toBe(403);
  });
});

describe('a stream that pauses for three seconds', () => {
  it('goes on where it is declared, and each part comes when it is sent', async () => {
    const answer = await fetch(at('feeds/declared'));
    const parts: [string, number][] = [];
    const begun = performance.now();
    for await (const part of answer.body!.pipeThrough(new TextDecoderStream()))
      parts.push([part, performance.now() - begun]);
    expect(parts.map(([part]) => part)).toEqual(['first;', 'last;']);
    expect(parts[1][1] - parts[0][1]).toBeGreaterThan(2_000);
  });

  it('is broken off where it is not', async () => {
    await expect(fetch(at('feeds/plain')).then((answer) => answer.text())).rejects.toThrow();
  });
});

describe('a download of 50 MB', () => {
  it.each(['declared', 'plain'])('is whole where it is %s', async (kind) => {
    const answer = await fetch(at(`downloads/${kind}`));
    const body = Buffer.from(await answer.arrayBuffer());
    expect(body.length).toBe(50 * MiB);
    for (let i = 0; i < 50; i += 1) expect(body[i * MiB]).toBe(i);
  });
});

describe('an order whose server fails', () => {
  const orders = async (kind: string, count: number) => {
    const refs = Array.from({ length: count }, (_, i) => `${kind}-${process.pid}-${i}`);
    const answers: { ref: string; status: number; code?: string }[] = [];
    const send = async (ref: string) => {
      const answer = await patient().post(at(`orders/${kind}`), { ref });
      const body = answer.json<{ error?: { code: string } }>();
      answers.push({ ref, status: answer.status, ...(body.error && { code: body.error.code }) });
    };
    const [victim] = stack.servers;
    const sending = (async () => {
      for (const ref of refs) {
        void send(ref);
        await sleep(10);
      }
    })();
    await sleep(300);
    victim.freeze();
    await sleep(2_600);
    victim.thaw();
    await sleep(300);
    await victim.kill();
    await sending;
    await victim.start();
    await until('all are answered', async () => answers.length === count, 30_000);
    const twice = (await patient().get(at('orders'))).json<{ ref: string }[]>();
    // A busy machine refuses some before they begin.
    const failed = answers.filter(({ status, code }) => status !== 201 && code !== 'overloaded');
    return { answers, failed, twice: twice.filter(({ ref }) => ref.startsWith(kind)) };
  };

  it('that is not declared is never run twice, and its client is told when nobody knows', async () => {
    const { answers, failed, twice } = await orders('plain', 400);
    expect(twice).toEqual([]);
    for (const { status, code } of failed) expect([status, code]).toEqual([502, 'outcome_unknown']);
    // Only what was in flight on the server that failed.
    expect(failed.length).toBeLessThan(answers.length / 2);
    expect(failed.length).toBeGreaterThan(0);
  });

  it('that is declared fails for nobody, and is not run twice either', async () => {
    const { failed, twice } = await orders('declared', 400);
    expect(twice).toEqual([]);
    expect(failed).toEqual([]);
  });
});
