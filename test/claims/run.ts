// `npm run test:claims`: breaks the code once for each claim of docs/security.md, and looks whether its test notices.
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import { Copy } from './copy.js';
import { judge, judgeUnbroken, type Verdict } from './judge.js';
import { mutations } from './mutations.js';
import type { Mutation } from './mutation.js';
import { rows } from './page.js';
import { report, type Job } from './report.js';
import { runTests, type Results } from './run-tests.js';
import { TypeCheck } from './type-check.js';

const HELP = `Breaks the code once for each claim that docs/security.md calls met, and looks whether the named test notices.

Each mutation of test/claims (chapter-*.ts, reviewed.ts) is applied to a copy of the repository, never to the checkout. A
claim is proved when the mutated code compiles and the named test fails by an assertion. It is not proved when the test
passes, fails by something else, or fails without the mutation. Unit tests are run as whole files: no unrelated test may
fail.

Usage: npm run test:claims -- [flags] [NUMBER...]

  NUMBER          a number of the page or the beginning of one: 6.2.1, 7.4, 9 (default: all)
  --quick         only what unit tests show, in a few minutes
  --whole-files   run the other tests of a file too where that takes long: no unrelated one may fail
  --help          print this text

What only the tests of docker-compose.yml show is left out, loudly, where no Docker answers.
Exit code: 0 every claim is proved, 1 one is not, 2 a wrong argument.`;

class UsageError extends Error {}

const stop = new AbortController();
const isUnit = (file: string) => file.endsWith('.spec.ts') && !/\.(mysql|processes)\.spec\.ts$/.test(file);
/** Where one rule of sessions is checked by many tests of the contract. */
const runsContract = (file: string) => /-(store|sessions)\.spec\.ts$/.test(file);
const needsDocker = (file: string) => file.endsWith('.compose.ts');
const hasDocker = () => spawnSync('docker', ['info'], { stdio: 'ignore' }).status === 0;
const say = (message: string) => console.error(`claims: ${message}`);

function parseFlags() {
  try {
    return parseArgs({
      options: {
        quick: { type: 'boolean', default: false },
        'whole-files': { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
      allowPositionals: true,
    });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

async function main(): Promise<number> {
  const { values, positionals } = parseFlags();
  if (values.help) {
    console.log(HELP);
    return 0;
  }
  const isOf = (number: string, name: string) => number === name || number.startsWith(`${name}.`);
  const unknown = positionals.find((name) => !rows().some(({ number }) => isOf(number, name)));
  if (unknown !== undefined) throw new UsageError(`docs/security.md has no number ${unknown}.`);
  const isNamed = (number: string) => positionals.length === 0 || positionals.some((name) => isOf(number, name));
  const chosen = mutations.filter(({ numbers, in: file }) => numbers.some(isNamed) && (!values.quick || isUnit(file)));
  const jobs = chosen.length === 0 ? [] : await tryAll(chosen, values['whole-files']);
  return stop.signal.aborted ? 130 : report(jobs, isNamed, values.quick);
}

async function tryAll(chosen: readonly Mutation[], wholeFiles: boolean): Promise<Job[]> {
  say('copying the repository');
  const copy = new Copy(process.cwd());
  try {
    say('reading the types');
    const types = new TypeCheck(copy.folder);
    const jobs: Job[] = [];
    for (const file of new Set(chosen.map((mutation) => mutation.in))) {
      if (stop.signal.aborted) break;
      const ofFile = chosen.filter((mutation) => mutation.in === file);
      if (needsDocker(file) && !hasDocker()) {
        say(`!!! NO DOCKER ANSWERS: WHAT ONLY ${file} SHOWS IS LEFT OUT !!!`);
        jobs.push(
          ...ofFile.map((mutation) => ({ mutation, verdict: { proved: false, isLeftOut: true, reason: 'no Docker' } })),
        );
        continue;
      }
      const isWhole = wholeFiles || (isUnit(file) && !runsContract(file));
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
  const titles = [...new Set(ofFile.map(({ test }) => test))];
  const unbroken = await twice(async () => judgeUnbroken(await run(titles)));
  for (const mutation of ofFile) {
    if (stop.signal.aborted) break;
    const verdict = unbroken.proved ? await tryMutation(mutation, copy, types, run) : unbroken;
    if (stop.signal.aborted) break;
    say(`${mutation.numbers.join(', ')}: ${verdict.proved ? 'proved' : `NOT PROVED: ${verdict.reason}`}`);
    jobs.push({ mutation, verdict });
  }
  return jobs;
}

/** A second try where the first one may have failed because the machine was busy. */
async function twice(attempt: () => Promise<Verdict>): Promise<Verdict> {
  const first = await attempt();
  return first.proved || first.isFinal || stop.signal.aborted ? first : attempt();
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
    return await twice(async () => judge(mutation, await run([mutation.test])));
  } finally {
    mend();
    types.changed(mutation.file);
  }
}

for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.on(signal, () => {
    if (!stop.signal.aborted) say('stopping, and removing the copy');
    stop.abort();
  });
try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  console.error(`${error.message}\n\nnpm run test:claims -- --help prints what it takes.`);
  process.exitCode = 2;
}
