// Orders, each of which inserts a row of its own, while servers and databases fail: of a route that declares nothing, of one
// that may be repeated, and of one that has time besides to outlast a pause of the whole group.
import { afterEach, expect, it, jest } from '@jest/globals';
import { canIsolate, projectDir, startStack, type Stack, type StackOptions } from '@roam/local-stack';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, type Answer } from '../support/browser.js';
import { until } from '../support/until.js';
import { cutDatabase, cutServer } from './network-nemeses.js';
import { freezeDatabase, freezeServer, killDatabase, killServer } from './nemeses.js';
import { keepFigures } from './report.js';
import { Scene, type Fault } from './scene.js';
import { perSecond } from './settings.js';

jest.setTimeout(30 * 60_000);

/** Of each kind, while parts are killed and frozen; a quarter as many again for each kind of cut. */
const orders = Number(process.env.FAULT_ORDERS ?? 8_000);
/** Each inserts a row on three databases, which costs three times what an ordinary request does. */
const ordersPerSecond = perSecond / 3;
type Kind = 'plain' | 'declared' | 'patient';

let stack: Stack | undefined;
const start = async (options: StackOptions = {}) => {
  const preload = join(projectDir, 'test/support/route-handlers.mjs');
  stack = await startStack({ ...options, preload, env: { SESSION_METHOD: 'mysql' } });
  return new Scene({ stack, method: 'mysql' });
};
afterEach(async () => {
  await stack?.stop();
  stack = undefined;
});

it('orders while servers and databases are killed and frozen', async () => {
  const scene = await start();
  await order(scene, 'orders-killed-and-frozen', ['plain', 'declared'], orders, [
    killServer,
    freezeServer,
    killDatabase,
    freezeDatabase,
  ]);
});

it('orders while a server is cut off', async () => {
  const scene = await start({ links: true });
  await order(scene, 'orders-cut-off', ['plain', 'declared'], orders / 4, [cutServer]);
});

const isolation = canIsolate();
if (isolation !== undefined) process.stderr.write(`SKIPPED: orders while a MySQL node is cut off. ${isolation}\n`);
(isolation === undefined ? it : it.skip)('orders while a MySQL node is cut off the others', async () => {
  const scene = await start({ isolated: true });
  // When the node comes back, the whole group may take no writes for three seconds.
  await order(scene, 'orders-database-cut-off', ['plain', 'patient'], orders / 4, [cutDatabase]);
});

/** Sends so many of each kind while one fault follows another. */
async function order(
  scene: Scene,
  name: string,
  kinds: readonly Kind[],
  count: number,
  faults: readonly Fault[],
): Promise<void> {
  const seen: Record<string, number> = {};
  const unexpected: string[] = [];
  const client = new Client(scene.stack.url, { timeoutMs: 20_000 });
  let [answered, now] = [0, ''];
  const send = async (kind: Kind, ref: string) => {
    const answer = await client.post(`/api/test/orders/${kind}`, { ref }).catch((error: unknown) => String(error));
    const what = typeof answer === 'string' ? answer : `${answer.status} ${codeOf(answer)}`.trim();
    seen[`${kind}: ${what}`] = (seen[`${kind}: ${what}`] ?? 0) + 1;
    const mayFail = kind === 'plain' && ['502 outcome_unknown', '503 unavailable'].includes(what);
    if (what !== '201' && !mayFail) unexpected.push(`${ref}: ${what}, ${now}`);
    answered += 1;
  };
  let isOver = false;
  const failing = (async () => {
    for (let round = 0; !isOver; round += 1) {
      const fault = faults[round % faults.length];
      now = `${fault.name}, round ${round}`;
      await fault.inject(scene, Math.floor(round / faults.length));
      await scene.untilRecovered();
    }
  })();
  const begun = performance.now();
  for (let i = 0; i < count * kinds.length; i += 1) {
    void send(kinds[i % kinds.length], `${kinds[i % kinds.length]}-${i}`);
    await sleep(Math.max(0, begun + ((i + 1) * 1_000) / ordersPerSecond - performance.now()));
  }
  await until('all are answered', async () => answered === count * kinds.length, 60_000);
  isOver = true;
  await failing;
  const twice = (await client.get('/api/test/orders')).json<{ ref: string; count: number }[]>();
  const figures = { orders: count, seen, twice: twice.length };
  keepFigures(name, figures);
  process.stderr.write(`${name}: ${JSON.stringify(figures)}\n`);
  expect(twice).toEqual([]);
  expect(unexpected).toEqual([]);
  // Only what was in flight where something failed.
  expect(seen['plain: 201']).toBeGreaterThan(0.9 * count);
}

function codeOf(answer: Answer): string {
  return answer.json<{ error?: { code: string } }>().error?.code ?? '';
}
