// The property of the gate: whatever a handler does, it and its client see what they would see without the gate.
import fc, { type RunDetails } from 'fast-check';
import { GateWorld, type Install } from './gate-world.js';
import { differencesOf, type Difference } from './gate-differences.js';
import { plans, type Plan } from './handler-plan.js';

export interface CheckOptions {
  /** Sequences to try, each on a bare and on a gated response. */
  readonly runs: number;
  readonly seed: number;
  /** Milliseconds after which no further sequence is tried. */
  readonly limitMs: number;
}

export interface CheckResult {
  readonly details: RunDetails<[Plan]>;
  /** Of the smallest sequence that shows one. */
  readonly differences: readonly Difference[];
}

/** Sequences that run at a time, so that one that waits for its commit does not hold up the others. */
export async function checkGate(install: Install, { runs, seed, limitMs }: CheckOptions): Promise<CheckResult> {
  const [bare, gated] = [new GateWorld(undefined), new GateWorld(install)];
  await Promise.all([bare.open(), gated.open()]);
  const compare = async (plan: Plan) => differencesOf(plan, ...(await Promise.all([bare.run(plan), gated.run(plan)])));
  try {
    const details = await fc.check(
      fc.asyncProperty(plans, async (plan) => (await compare(plan)).length === 0),
      { numRuns: runs, seed, interruptAfterTimeLimit: limitMs, markInterruptAsFailure: false },
    );
    const differences = details.counterexample ? await compare(details.counterexample[0]) : [];
    return { details, differences };
  } finally {
    await Promise.all([bare.close(), gated.close()]);
  }
}
