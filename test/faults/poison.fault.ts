// A thousand requests whose handlers fail where nobody catches it, among many users: each costs itself, once, and no other one.
import { afterAll, beforeAll, expect, it, jest } from '@jest/globals';
import { startStack, type Stack } from '@roam/local-stack';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from '../support/browser.js';
import { Poison } from '../support/poison.js';
import { ServerWatch } from '../support/server-watch.js';
import { expectHarmless } from './expect-outcome.js';
import { keepFigures } from './report.js';
import { Scene, type Fault } from './scene.js';

jest.setTimeout(15 * 60_000);

/** What the client sees of each kind; `broken`: no whole answer. */
const kinds = {
  timer: '500',
  tick: '500',
  rejection: '500',
  header: '500',
  'after-first-byte': 'broken',
} as const;
const requests = Number(process.env.POISON_REQUESTS ?? 1_000);
const everyMs = 100;

const poison = new Poison();
let stack: Stack;
beforeAll(async () => {
  stack = await startStack(poison.options());
}, 180_000);
afterAll(async () => {
  await stack?.stop();
  poison.close();
});

it('requests whose handlers fail where nobody catches it', async () => {
  const seen: Record<string, number> = {};
  const see = (kind: string, what: string) => (seen[`${kind} ${what}`] = (seen[`${kind} ${what}`] ?? 0) + 1);
  const client = new Client(stack.url);
  const send = async (kind: string) => {
    const answer = await client.get(poison.request(kind).path).catch(() => undefined);
    see(kind, answer ? String(answer.status) : 'broken');
  };
  let watch: ServerWatch | undefined;
  const fault: Fault = {
    name: `${requests} requests whose handlers fail where nobody catches it`,
    inject: async () => {
      watch = new ServerWatch(stack);
      const names = Object.keys(kinds);
      const sent: Promise<void>[] = [];
      const begun = performance.now();
      for (let i = 0; i < requests; i++) {
        sent.push(send(names[i % names.length]));
        await sleep(Math.max(0, begun + (i + 1) * everyMs - performance.now()));
      }
      await Promise.all(sent);
    },
    longestWait: 1_000,
  };
  try {
    await expectHarmless(new Scene({ stack, method: 'mysql' }), fault);
  } finally {
    await watch?.stop();
    client.close();
    const { changes = [], mostDown = 0 } = watch ?? {};
    const { repeated } = poison.runs;
    const figures = { requests, seen, repeated, replacements: changes.length, mostServersDown: mostDown };
    keepFigures('poison', figures);
    process.stderr.write(`${JSON.stringify(figures)}\n`);
  }
  const each = requests / Object.keys(kinds).length;
  expect(seen).toEqual(Object.fromEntries(Object.entries(kinds).map(([kind, what]) => [`${kind} ${what}`, each])));
  expect(poison.runs).toEqual({ requests, repeated: [] });
  expect(watch!.mostDown).toBeLessThanOrEqual(1);
  // They are replaced all the while, and the first one at once.
  expect(watch!.changes.length).toBeGreaterThan(0);
});
