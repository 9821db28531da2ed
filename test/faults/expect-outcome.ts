// What every fault test asserts.
import { expect } from '@jest/globals';
import { keep, line } from './report.js';
import type { Fault, Outcome, Scene } from './scene.js';

/**
 * Runs the fault and expects what is promised: nobody notices, but for a wait.
 *
 * @param beside figures that are kept with those of the fault
 */
export async function expectHarmless(scene: Scene, fault: Fault, beside: object = {}): Promise<Outcome> {
  const outcome = await scene.run(fault);
  keep({ ...outcome, ...beside });
  process.stderr.write(`${line(outcome)}\n`);
  expect(outcome.broken).toBeUndefined();
  expect(outcome.failures).toEqual([]);
  // Which ones, where it is too long.
  const tooLong = outcome.longestWait > fault.longestWait;
  expect(tooLong ? outcome.slowest : []).toEqual([]);
  return outcome;
}
