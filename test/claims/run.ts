// `npm run test:claims`: breaks the code once for each claim of docs/security.md, and looks whether its test notices.
import { parseArgs } from 'node:util';
import { Copy } from './copy.js';
import { judge, judgeUnbroken, type Verdict } from './judge.js';
import { mutations } from './mutations.js';
import type { Mutation } from './mutation.js';
import { isMet, rows } from './page.js';
import { runTests, type Results } from './run-tests.js';
import { TypeCheck } from './type-check.js';
import { withoutMutation } from './without-mutation.js';

const HELP = `Breaks the code once for each claim that docs/security.md calls met, and looks whether the named test notices.

Each mutation of test/claims/chapter-*.ts is applied to a copy of the repository, never to the checkout. A claim is proved
when the mutated code compiles and the named test fails by an assertion. It is not proved when the test passes, fails by
something else, or fails without the mutation. Unit tests are run as whole files: no unrelated test may fail.

Usage: npm run test:claims -- [flags] [NUMBER...]

  NUMBER          a number of the page or the beginning of one: 6.2.1, 7.4, 9 (default: all)
  --whole-files   run the other tests of a file too where that takes long: no unrelated one may fail
  --help          print this text

Exit code: 0 every claim is proved, 1 one is not, 2 a wrong argument.`;

interface Job {
  readonly mutation: Mutation;
  readonly verdict: Verdict;
}

const stop = new AbortController();
const isQuick = (file: string) => file.endsWith('.spec.ts') && !/\.(mysql|processes)\.spec\.ts$/.test(file);
const say = (message: string) => console.error(`claims: ${message}`);

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    options: { 'whole-files': { type: 'boolean', default: false }, help: { type: 'boolean' } },
    allowPositionals: true,
  });
  if (values.help) {
    console.log(HELP);
    return 0;
  }
  const isChosen = (number: string) =>
    positionals.length === 0 || positionals.some((name) => number === name || number.startsWith(`${name}.`));
  const unknown = positionals.find(
    (name) => !rows().some(({ number }) => number === name || number.startsWith(`${name}.`)),
  );
  if (unknown !== undefined) throw new TypeError(`docs/security.md has no number ${unknown}.`);
  const chosen = mutations.filter(({ numbers }) => numbers.some(isChosen));
  const jobs = chosen.length === 0 ? [] : await tryAll(chosen, values['whole-files']);
  return stop.signal.aborted ? 130 : report(jobs, isChosen);
}

async function tryAll(chosen: readonly Mutation[], wholeFiles: boolean): Promise<Job[]> {
  say('copying the repository');
  const copy = new Copy(process.cwd());
  try {
    say('reading the types');
    const types = new TypeCheck(copy.folder);
    const jobs: Job[] = [];
    for (const file of new Set(chosen.map((mutation) => mutation.in))) {
      const ofFile = chosen.filter((mutation) => mutation.in === file);
      const isWhole = wholeFiles || isQuick(file);
      const run = (titles: readonly string[]) => runTests(copy.folder, file, isWhole ? undefined : titles, stop.signal);
      jobs.push(...(await tryFile(ofFile, copy, types, run)));
    }
    return jobs;
  } finally {
    copy.remove();
  }
}

/** The mutations that are shown by one test file. */
async function tryFile(
  ofFile: readonly Mutation[],
  copy: Copy,
  types: TypeCheck,
  run: (titles: readonly string[]) => Promise<Results>,
): Promise<Job[]> {
  const jobs: Job[] = [];
  say(`${ofFile[0].in}: without a mutation`);
  const unbroken = judgeUnbroken(await run([...new Set(ofFile.map(({ test }) => test))]));
  for (const mutation of ofFile) {
    if (stop.signal.aborted) break;
    const verdict = unbroken.proved ? await tryMutation(mutation, copy, types, run) : unbroken;
    say(`${mutation.numbers.join(', ')}: ${verdict.proved ? 'proved' : `NOT PROVED: ${verdict.reason}`}`);
    jobs.push({ mutation, verdict });
  }
  return jobs;
}

async function tryMutation(
  mutation: Mutation,
  copy: Copy,
  types: TypeCheck,
  run: (titles: readonly string[]) => Promise<Results>,
): Promise<Verdict> {
  const mend = copy.apply(mutation);
  try {
    const faults = types.faultsOf(mutation.file);
    if (faults.length > 0) return { proved: false, reason: `the mutation does not compile: ${faults.join('; ')}` };
    return judge(mutation, await run([mutation.test]));
  } finally {
    mend();
    types.changed(mutation.file);
  }
}

/** The table, and the exit code. */
function report(jobs: readonly Job[], isChosen: (number: string) => boolean): number {
  let missing = 0;
  for (const { number } of rows().filter((row) => isMet(row) && isChosen(row.number))) {
    const own = jobs.filter(({ mutation }) => mutation.numbers.includes(number));
    const failed = own.filter(({ verdict }) => !verdict.proved);
    const reason = withoutMutation[number];
    const isProved = own.length > 0 ? failed.length === 0 : reason !== undefined;
    if (!isProved) missing++;
    const why = own.length === 0 ? (reason ?? 'there is no mutation') : failed.map(whyNot).join('; ');
    const result = own.length > 0 ? (isProved ? 'proved' : 'NOT PROVED') : isProved ? 'no code' : 'NOT PROVED';
    console.log(`${number.padEnd(8)}${result.padEnd(12)}${why}`.trimEnd());
  }
  console.log(missing === 0 ? 'Every claim is proved.' : `${missing} claims are not proved.`);
  return missing === 0 ? 0 : 1;
}

const whyNot = ({ mutation, verdict }: Job) => `“${mutation.test}”: ${verdict.reason}`;

for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.on(signal, () => {
    if (!stop.signal.aborted) say('stopping, and removing the copy');
    stop.abort();
  });
try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof TypeError)) throw error;
  console.error(`${error.message}\n\nnpm run test:claims -- --help prints what it takes.`);
  process.exitCode = 2;
}
