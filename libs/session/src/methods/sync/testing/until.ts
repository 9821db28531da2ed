// Waits for what a spec expects of running servers.
import { setTimeout as sleep } from 'node:timers/promises';

/** @throws Error when it does not come true in time */
export async function until(what: string, isTrue: () => boolean | Promise<boolean>, within = 20_000): Promise<void> {
  const end = performance.now() + within;
  while (!(await isTrue())) {
    if (performance.now() > end) throw new Error(`Timed out after ${within} ms waiting for: ${what}`);
    await sleep(20);
  }
}
