// Runs tests of one file in a copy of the repository, and reads jest's report.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { patternOf } from '../support/quoted-tests.mjs';

const MINUTE = 60_000;
/** What `expect`, `assert`, supertest and fast-check throw. */
const ASSERTION = /^(\w*Error: )?(expect\(|assert[.(]|AssertionError|expected \d{3} |Property failed after)/;

interface Report {
  readonly testResults: readonly {
    readonly message: string;
    readonly assertionResults: readonly {
      readonly title: string;
      readonly fullName: string;
      readonly status: 'passed' | 'failed' | 'pending';
      readonly failureMessages: readonly string[];
      readonly failureDetails: readonly ({ readonly matcherResult?: object } | null)[];
    }[];
  }[];
}

export interface TestResult {
  readonly title: string;
  readonly fullName: string;
  readonly passed: boolean;
  /** Of a failed one. */
  readonly byAssertion: boolean;
  /** The first line of why it failed. */
  readonly reason: string;
}

/** The results of the tests that ran, or why there are none. */
export type Results = readonly TestResult[] | string;

/** @param titles only the tests of these names; default: all of the file */
export async function runTests(
  folder: string,
  file: string,
  titles: readonly string[] | undefined,
  stop: AbortSignal,
): Promise<Results> {
  const report = join(folder, 'report.json');
  rmSync(report, { force: true });
  const args = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning', 'node_modules/jest/bin/jest.js'];
  args.push('--runTestsByPath', file, '--runInBand', '--forceExit', '--json', '--outputFile', report);
  args.push('--cacheDirectory', join(folder, '.roam/jest'), '--silent', '--reporters', 'default');
  if (titles) args.push('--testNamePattern', titles.map(fullNames).join('|'));
  const output = await run(args, folder, stop);
  if (stop.aborted) return 'stopped';
  if (!existsSync(report)) return `jest wrote no report: ${output.slice(-300)}`;
  const { testResults } = JSON.parse(readFileSync(report, 'utf8')) as Report;
  const ran = testResults.flatMap(({ assertionResults }) =>
    assertionResults.filter(({ status }) => status !== 'pending'),
  );
  if (ran.length === 0) return `no test ran: ${testResults.map(({ message }) => message.slice(0, 300)).join()}`;
  return ran.map(({ title, fullName, status, failureMessages, failureDetails }) => ({
    title,
    fullName,
    passed: status === 'passed',
    byAssertion: failureDetails[0]?.matcherResult !== undefined || ASSERTION.test(plain(failureMessages[0] ?? '')),
    reason: plain(failureMessages[0] ?? '').split('\n')[0],
  }));
}

/** The full names that a title of the page stands for: of a test or of a group. */
export const fullNames = (title: string) => `(^| )${patternOf(title)}( |$)`;

/** Without colours. */
// eslint-disable-next-line no-control-regex -- colours begin with a control character
const plain = (text: string) => text.replace(/\u001b\[\d+m/g, '');

/** What it printed. */
function run(args: readonly string[], cwd: string, stop: AbortSignal): Promise<string> {
  const child = spawn(process.execPath, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  const keep = (bytes: Buffer) => (output += bytes.toString());
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  const end = () => child.kill('SIGTERM');
  const tooLong = setTimeout(() => child.kill('SIGKILL'), 30 * MINUTE);
  stop.addEventListener('abort', end);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', () => {
      clearTimeout(tooLong);
      stop.removeEventListener('abort', end);
      resolve(output);
    });
  });
}
