// What is counted from a history.
import { expect, it } from '@jest/globals';
import { p99Of } from './figures.js';
import type { Operation } from './history.js';

const took = (ms: number, own: Partial<Operation> = {}): Operation => ({
  ...{ action: 'read', user: 'u1', via: 'nginx', begun: 1_000, ended: 1_000 + ms, outcome: 'ok', status: 200, ...own },
});

it('99 of 100 reads and writes took no longer than their p99', () => {
  const history = Array.from({ length: 200 }, (_, i) => took(i + 1));
  expect(p99Of(history.toReversed())).toBe(198);
  expect(p99Of([])).toBe(0);
});

it('neither sign-ins nor what went past nginx counts in the p99', () => {
  const others = [took(900, { action: 'login' }), took(900, { via: 'web1' })];
  expect(p99Of([took(5), took(7, { action: 'write' }), took(6, { action: 'me' }), ...others])).toBe(7);
});
