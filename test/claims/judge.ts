// Whether a mutation proves a claim: from the results of the tests without it and with it.
import type { Mutation } from './mutation.js';
import { fullNames, type Results } from './run-tests.js';

export interface Verdict {
  readonly proved: boolean;
  /** It was not tried, because this machine cannot. */
  readonly isLeftOut?: boolean;
  /** A second try would show the same: no busy machine makes a test pass. */
  readonly isFinal?: boolean;
  /** Why not. */
  readonly reason: string;
}

const notProved = (reason: string): Verdict => ({ proved: false, reason });

/** Of the results of the mutated code. */
export function judge({ test, also = [] }: Pick<Mutation, 'test' | 'also'>, results: Results): Verdict {
  if (typeof results === 'string') return notProved(results);
  const failed = results.filter(({ passed }) => !passed);
  const named = failed.filter(({ fullName }) => isNamed(test, fullName));
  if (named.length === 0) return { ...notProved('the test passed'), isFinal: true };
  const other = named.find(({ byAssertion }) => !byAssertion);
  if (other) return notProved(`the test failed, but by no assertion: ${other.reason}`);
  const unrelated = failed.filter(({ fullName }) => ![test, ...also].some((title) => isNamed(title, fullName)));
  if (unrelated.length > 0)
    return notProved(`another test failed: ${unrelated.map(({ fullName }) => fullName).join('; ')}`);
  return { proved: true, reason: '' };
}

/** Before any mutation the tests must pass. */
export function judgeUnbroken(results: Results): Verdict {
  if (typeof results === 'string') return notProved(results);
  const failed = results.find(({ passed }) => !passed);
  return failed ? notProved(`it fails without a mutation: ${failed.reason}`) : { proved: true, reason: '' };
}

const isNamed = (title: string, fullName: string) => new RegExp(fullNames(title)).test(fullName);
