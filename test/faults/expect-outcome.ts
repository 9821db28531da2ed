// What every fault test asserts.
import { expect } from '@jest/globals';
import { keep, line } from './report.js';
import type { Fault, Scene } from './scene.js';

/** Runs the fault and expects what is promised: nobody notices, but for a wait. */
export async function expectHarmless(scene: Scene, fault: Fault): Promise<void> {
  const outcome = await scene.run(fault);
  keep(outcome);
  process.stderr.write(`${line(outcome)}\n`);
  expect(outcome.broken).toBeUndefined();
  expect(outcome.failures).toEqual([]);
  // Which ones, where it is too long.
  const tooLong = outcome.longestWait > fault.longestWait;
  expect(tooLong ? outcome.slowest : []).toEqual([]);
}
