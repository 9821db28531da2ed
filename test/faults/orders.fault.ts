// Orders, each of which inserts a row of its own, while servers and databases fail: of a route that declares nothing, and of
// one that may be repeated.
import { afterAll, beforeAll, expect, it, jest } from '@jest/globals';
import { projectDir, startStack, type Stack } from '@roam/local-stack';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from '../support/browser.js';
import { until } from '../support/until.js';
import { cutServer } from './network-nemeses.js';
import { freezeDatabase, freezeServer, killDatabase, killServer } from './nemeses.js';
import { keepFigures } from './report.js';
import { Scene } from './scene.js';
import { perSecond } from './settings.js';

jest.setTimeout(30 * 60_000);

/** Of each kind. */
const orders = Number(process.env.FAULT_ORDERS ?? 10_000);
const kinds = ['plain', 'declared'] as const;
const faults = [killServer, freezeServer, cutServer, killDatabase, freezeDatabase];

let stack: Stack;
beforeAll(async () => {
  const preload = join(projectDir, 'test/support/route-handlers.mjs');
  stack = await startStack({ links: true, preload, env: { SESSION_METHOD: 'mysql' } });
}, 180_000);
afterAll(() => stack?.stop());

it('orders while servers and databases are killed, frozen and cut off', async () => {
  const client = new Client(stack.url, { timeoutMs: 20_000 });
  const seen: Record<string, number> = {};
  const unexpected: string[] = [];
  let answered = 0;
  let now = '';
  const send = async (kind: string, ref: string) => {
    const answer = await client.post(`/api/test/orders/${kind}`, { ref }).catch((error: unknown) => String(error));
    const what =
      typeof answer === 'string'
        ? answer
        : `${answer.status} ${answer.json<{ error?: { code: string } }>().error?.code ?? ''}`.trim();
    seen[`${kind}: ${what}`] = (seen[`${kind}: ${what}`] ?? 0) + 1;
    const isHonest = kind === 'plain' && ['502 outcome_unknown', '503 unavailable'].includes(what);
    if (what !== '201' && !isHonest) unexpected.push(`${ref}: ${what}, ${now}`);
    answered += 1;
  };
  const scene = new Scene({ stack, method: 'mysql' });
  let isOver = false;
  const failing = (async () => {
    for (let round = 0; !isOver; round += 1) {
      const fault = faults[round % faults.length];
      now = `${fault.name}, round ${round}`;
      await fault.inject(scene, Math.floor(round / faults.length));
      await scene.untilRecovered();
    }
    return scene.untilRecovered();
  })();
  const begun = performance.now();
  for (let i = 0; i < orders * kinds.length; i += 1) {
    void send(kinds[i % kinds.length], `${kinds[i % kinds.length]}-${i}`);
    await sleep(Math.max(0, begun + ((i + 1) * 1_000) / perSecond - performance.now()));
  }
  await until('all are answered', async () => answered === orders * kinds.length, 60_000);
  isOver = true;
  await failing;
  const twice = (await client.get('/api/test/orders')).json<{ ref: string; count: number }[]>();
  const figures = { orders, seen, twice: twice.length };
  keepFigures('orders', figures);
  process.stderr.write(`${JSON.stringify(figures)}\n`);
  expect(twice).toEqual([]);
  expect(unexpected).toEqual([]);
});
