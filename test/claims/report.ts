// The table of `npm run test:claims`: each met number of the page, and whether it is proved.
import type { Verdict } from './judge.js';
import type { Mutation } from './mutation.js';
import { isMet, rows } from './page.js';
import { withoutMutation } from './without-mutation.js';

export interface Job {
  readonly mutation: Mutation;
  readonly verdict: Verdict;
}

/** @param onlyTried leaves the numbers out that nothing was tried for @returns the exit code */
export function report(jobs: readonly Job[], isNamed: (number: string) => boolean, onlyTried: boolean): number {
  const lines = rows()
    .filter((row) => isMet(row) && isNamed(row.number))
    .map(({ number }) =>
      line(
        number,
        jobs.filter(({ mutation }) => mutation.numbers.includes(number)),
      ),
    )
    .filter(({ isTried }) => isTried || !onlyTried);
  for (const { number, result, why } of lines) console.log(`${number.padEnd(8)}${result.padEnd(12)}${why}`.trimEnd());
  const missing = lines.filter(({ result }) => result === 'NOT PROVED').length;
  console.log(
    missing === 0 ? `All ${lines.length} claims hold.` : `${missing} of ${lines.length} claims are not proved.`,
  );
  return missing === 0 ? 0 : 1;
}

function line(number: string, own: readonly Job[]) {
  const reason = withoutMutation[number];
  if (own.length === 0)
    return {
      number,
      isTried: false,
      result: reason ? 'no check' : 'NOT PROVED',
      why: reason ?? 'there is no mutation',
    };
  const failed = own.filter(({ verdict }) => !verdict.proved);
  const isLeftOut = failed.length > 0 && failed.every(({ verdict }) => verdict.isLeftOut);
  const result = failed.length === 0 ? 'proved' : isLeftOut ? 'left out' : 'NOT PROVED';
  const why = failed.map(({ mutation, verdict }) => `“${mutation.test}”: ${verdict.reason}`).join('; ');
  return { number, isTried: true, result, why };
}
