// A limit for what has none of its own.
import { setTimeout as sleep } from 'node:timers/promises';

/** What the work resolves with; rejects, and says what was waited for, when that takes longer than `ms` milliseconds. */
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
