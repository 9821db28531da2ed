// Handlers that fail where nobody catches it: each costs its own request, once, and its server is replaced when its turn comes.
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { startStack, type Stack } from '@roam/local-stack';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, type Answer } from '../support/browser.js';
import { isRefused } from '../support/retry-refused.js';
import { register } from '../support/people.js';
import { Poison } from '../support/poison.js';
import { ServerWatch } from '../support/server-watch.js';
import { until } from '../support/until.js';

jest.setTimeout(120_000);

const turnMs = 6_000;
const poison = new Poison();
let stack: Stack;
let watch: ServerWatch;
let client: Client;
beforeAll(async () => {
  stack = await startStack({ servers: 3, topology: 'single', ...poison.options(turnMs) });
  watch = new ServerWatch(stack);
  client = new Client(stack.url, { retryOn: isRefused });
  await register(client);
}, 120_000);
afterAll(async () => {
  await watch?.stop();
  await stack?.stop();
  poison.close();
});

const send = async (kind: string) => {
  const { path, runs } = poison.request(kind);
  const answer: Answer | undefined = await new Client(stack.url).get(path).catch(() => undefined);
  return { answer, runs };
};

describe('an error that nobody caught, through nginx', () => {
  it.each(['timer', 'tick', 'file', 'rejection', 'later-rejection', 'header'])(
    '%s: its own request is answered 500, and runs once',
    async (kind) => {
      const { answer, runs } = await send(kind);
      expect([answer?.status, runs()]).toEqual([500, 1]);
      expect(answer!.json()).toMatchObject({ error: { code: 'internal_error' }, status: 500 });
      expect(answer!.headers['x-request-id']).toEqual(expect.any(String));
      expect(answer!.server).toMatch(/^web\d$/);
    },
  );

  it.each(['after-first-byte', 'after-first-write'])(
    '%s: the client sees a broken answer, and the request runs once',
    async (kind) => {
      const { answer, runs } = await send(kind);
      expect([answer, runs()]).toEqual([undefined, 1]);
    },
  );

  it('after the end of its answer: the answer stays', async () => {
    const { answer, runs } = await send('after-its-end');
    expect([answer?.status, answer?.text, runs()]).toEqual([200, 'whole', 1]);
  });

  it.each(['listener', 'pool'])('%s: nobody knows whose it is; its request misses its deadline, once', async (kind) => {
    const { answer, runs } = await send(kind);
    expect([answer?.status, runs()]).toEqual([503, 1]);
    expect(answer!.json()).toMatchObject({ error: { code: 'timeout' } });
  });
});

describe('the servers', () => {
  it('are replaced one after the other, and nobody notices', async () => {
    const answers: number[] = [];
    const replaced = () => new Set(watch.changes.map(({ name }) => name)).size;
    // Who was replaced already has nothing to say.
    for (const { url } of stack.servers) await new Client(url).get(poison.request('timer').path).catch(() => undefined);
    let quantity = 0;
    await until(
      'all are replaced',
      async () => {
        const [me, cart] = [await client.get('/api/me'), await client.put('/api/cart/apple', { quantity: ++quantity })];
        answers.push(me.status, cart.status);
        await sleep(20);
        return replaced() === stack.servers.length;
      },
      90_000,
    );
    expect(new Set(answers)).toEqual(new Set([200]));
    await until('all take traffic again', async () => (await Promise.all(stack.servers.map(isReady))).every(Boolean));
    expect(watch.mostDown).toBe(1);
    // The clock of the databases says when; ours sees the new process when it is there.
    const pauses = watch.changes.slice(1).map(({ at }, i) => at - watch.changes[i].at);
    for (const pause of pauses) expect(pause).toBeGreaterThan(turnMs - 2_000);
    for (const { from, to } of watch.changes) expect(to).not.toBe(from);
  });
});

const isReady = async ({ metricsUrl }: { readonly metricsUrl: string }) => (await fetch(`${metricsUrl}/readyz`)).ok;
