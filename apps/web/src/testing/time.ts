// Time in specs: waiting for a condition, and jumping ahead.
import { jest } from '@jest/globals';

/** Resolves when the condition holds. Measures with a clock that jumps do not change. */
export async function until(holds: () => boolean | Promise<boolean>, ms = 30_000): Promise<void> {
  for (const giveUpAt = performance.now() + ms; !(await holds());) {
    if (performance.now() > giveUpAt)
      throw new Error(`Timed out after ${ms / 1_000} s waiting for: ${holds.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Sets the time (milliseconds since 1970) to `time`, where it stays until `backToNow`. */
export async function jumpTo(time: number): Promise<void> {
  jest.spyOn(Date, 'now').mockReturnValue(time);
  await heartbeats();
}

/** Restores all mocks, the time included: after each test. */
export async function backToNow(): Promise<void> {
  const stoodStill = jest.isMockFunction(Date.now);
  jest.restoreAllMocks();
  if (stoodStill) await heartbeats();
}

/** An app takes a jump of time for a pause, and needs two beats of its heartbeat to recover. */
async function heartbeats(): Promise<void> {
  for (let beat = 0; beat < 6; beat += 1) await new Promise((resolve) => setTimeout(resolve, 20));
}
