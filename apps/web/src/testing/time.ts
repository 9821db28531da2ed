// Time in specs: waiting for something to come true, and jumping ahead.
import { jest } from '@jest/globals';

/** Resolves when it holds. By a clock of its own, which no jump reaches. */
export async function until(holds: () => boolean | Promise<boolean>, ms = 30_000): Promise<void> {
  for (const giveUpAt = performance.now() + ms; !(await holds());) {
    if (performance.now() > giveUpAt)
      throw new Error(`Timed out after ${ms / 1_000} s waiting for: ${holds.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Time (milliseconds since 1970) stands still at `time`, until `backToNow`. */
export async function jumpTo(time: number): Promise<void> {
  jest.spyOn(Date, 'now').mockReturnValue(time);
  await heartbeats();
}

/** Undoes all mocks, time's too: after each test. */
export async function backToNow(): Promise<void> {
  const stoodStill = jest.isMockFunction(Date.now);
  jest.restoreAllMocks();
  if (stoodStill) await heartbeats();
}

/** An app takes a jump of time for a standstill, and wants two beats of its heart until it is over that. */
async function heartbeats(): Promise<void> {
  for (let beat = 0; beat < 6; beat += 1) await new Promise((resolve) => setTimeout(resolve, 20));
}
