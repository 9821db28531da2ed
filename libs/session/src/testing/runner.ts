// What the contract kit asks of a test runner: a part of jest's, so that its tests can also be run as plain functions.
import * as jest from '@jest/globals';

type Act = () => void | Promise<void>;

export interface TestRunner {
  readonly describe: (name: string, register: () => void) => void;
  readonly it: (name: string, test: Act) => void;
  readonly beforeAll: (hook: Act) => void;
  readonly beforeEach: (hook: Act) => void;
  readonly afterAll: (hook: Act) => void;
}

/** The kit's tests as tests of the spec that calls it. */
export const jestRunner: TestRunner = jest;

/** A test that failed, and how. */
export interface Failure {
  readonly test: string;
  readonly error: unknown;
}

/** Runs a contract here and now, and returns what failed: how the kit itself is tested. */
export async function failuresOf(register: (runner: TestRunner) => void): Promise<Failure[]> {
  const [before, each, after]: [Act[], Act[], Act[]] = [[], [], []];
  const tests: { name: string; run: Act }[] = [];
  register({
    describe: (_, inner) => inner(),
    it: (name, run) => void tests.push({ name, run }),
    beforeAll: (hook) => void before.push(hook),
    beforeEach: (hook) => void each.push(hook),
    afterAll: (hook) => void after.push(hook),
  });
  const failures: Failure[] = [];
  for (const hook of before) await hook();
  for (const { name, run } of tests) {
    try {
      for (const hook of each) await hook();
      await run();
    } catch (error) {
      failures.push({ test: name, error });
    }
  }
  for (const hook of after) await hook();
  return failures;
}
