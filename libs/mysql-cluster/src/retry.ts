// Runs work again that failed by a conflict or a lost node.
import { setTimeout as sleep } from 'node:timers/promises';
import { failureOf } from './errors.js';
import type { Failover } from './failover.js';
import type { RetryOptions } from './types.js';

const RETRY_ATTEMPTS = 6;

/** See `MysqlCluster.retrying`. */
export async function retry<T>(
  failover: Failover,
  fn: (attempt: number) => Promise<T>,
  { timeoutMs, attempts = RETRY_ATTEMPTS }: RetryOptions,
): Promise<T> {
  const { nodeSet, counters } = failover;
  const budget = failover.statementBudget(nodeSet.writeTimeoutMs, timeoutMs);
  for (let attempt = 1; ; attempt++) {
    try {
      return await fn(attempt);
    } catch (error) {
      const wait = jitter(attempt);
      const again = failureOf(error) !== 'statement' && attempt < attempts;
      if (!again || budget.left <= wait || nodeSet.isClosed) throw error;
      counters.retries++;
      await sleep(wait);
    }
  }
}

/** Milliseconds before the next attempt: longer each time, and different for everybody. */
export function jitter(attempt: number): number {
  return Math.random() * Math.min(50, 4 * 2 ** attempt);
}
