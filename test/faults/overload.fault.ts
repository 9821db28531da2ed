// Five thousand connections that want three times what the site can serve: answered or refused, and soon well again.
import { afterAll, beforeAll, expect, it, jest } from '@jest/globals';
import { startStack, type Stack } from '@roam/local-stack';
import { Client } from '../support/browser.js';
import { register } from '../support/people.js';
import { overload } from './overload.js';
import { keepFigures } from './report.js';

jest.setTimeout(5 * 60_000);

/** More than three times what this machine's two cores serve with the load itself beside it. */
const PER_SECOND = Number(process.env.OVERLOAD_PER_SECOND ?? 4_500);

let stack: Stack;
beforeAll(async () => {
  stack = await startStack({ env: { SESSION_METHOD: 'mysql' } });
}, 180_000);
afterAll(() => stack?.stop());

it('5,000 connections at three times the load that it can serve', async () => {
  const client = new Client(stack.url);
  await register(client);
  const cookie = [...client.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
  const pids = stack.servers.map(({ pid }) => pid);
  const figures = await overload(stack, { connections: 5_000, seconds: 30, perSecond: PER_SECOND, cookie });
  keepFigures('overload', figures);
  process.stderr.write(`${JSON.stringify(figures)}\n`);
  const { statuses, withoutRetryAfter, memory, longestAfter } = figures;
  expect(Object.keys(statuses).filter((status) => !['200', '503'].includes(status))).toEqual([]);
  expect(withoutRetryAfter).toBe(0);
  expect(stack.servers.map(({ pid }) => pid)).toEqual(pids);
  for (const { most } of memory) expect(most).toBeLessThan(700);
  expect(longestAfter).toBeLessThan(1_000);
});
