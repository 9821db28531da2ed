// A timeout for work that has none of its own.
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Resolves with the result of the work. Rejects with a message that names the work if it takes longer than `ms`
 * milliseconds.
 */
export async function withTimeout<T>(ms: number, what: string, work: Promise<T>): Promise<T> {
  const timer = new AbortController();
  const late = sleep(ms, undefined, { signal: timer.signal }).then(() => {
    throw new Error(`Timed out after ${Math.round(ms / 1000)} s waiting for ${what}.`);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    timer.abort();
    late.catch(() => undefined);
  }
}
