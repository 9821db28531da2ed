// Waiting for something to come true.
import { setTimeout as sleep } from 'node:timers/promises';

const PAUSE_MS = 20;

/** What fails has not come true yet. @throws Error when it does not come true in time */
export async function until(what: string, isTrue: () => Promise<boolean>, withinMs = 30_000): Promise<void> {
  const end = performance.now() + withinMs;
  while (!(await isTrue().catch(() => false))) {
    if (performance.now() > end) throw new Error(`Timed out after ${withinMs / 1_000} s waiting for: ${what}`);
    await sleep(PAUSE_MS);
  }
}
