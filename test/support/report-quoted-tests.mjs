// A reporter of jest: the tests that docs/security.md quotes must have run and passed, in each run that runs all tests.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { declaredTests } from './declared-tests.mjs';
import { quoted, unproved } from './quoted-tests.mjs';

/** The tiers that one command runs together, and the files of the tests that only another command runs. */
const COMMANDS = [
  { tiers: ['unit', 'processes', 'mysql', 'e2e'], runs: (file) => !/\.(compose|fault|soak)\.ts$/.test(file) },
  { tiers: ['compose'], runs: (file) => file.endsWith('.compose.ts') },
];

export default class ReportQuotedTests {
  error;

  constructor(globalConfig) {
    this.globalConfig = globalConfig;
  }

  onRunComplete(contexts, { testResults, wasInterrupted }) {
    if (wasInterrupted || !isWhole(this.globalConfig)) return;
    const { rootDir, ci } = this.globalConfig;
    const tiers = new Set([...contexts].map(({ config }) => config.displayName?.name));
    const commands = COMMANDS.filter((command) => command.tiers.every((tier) => tiers.has(tier)));
    const page = readFileSync(join(rootDir, 'docs/security.md'), 'utf8');
    const faults = commands.flatMap(({ runs }) => {
      const own = declaredTests(rootDir).filter(({ file }) => runs(file));
      const titles = quoted(page).filter((title) => own.some((test) => test.title === title));
      return unproved(
        titles,
        testResults.flatMap((file) => file.testResults),
        !ci,
      );
    });
    if (faults.length > 0) this.error = new Error(faults.join('\n'));
    if (faults.length > 0) console.error(`\ndocs/security.md quotes tests that did not pass:\n${faults.join('\n')}`);
  }

  /** Makes the run fail. */
  getLastError() {
    return this.error;
  }
}

/** Whether no argument of the command line left tests out. */
function isWhole({
  testNamePattern,
  testPathPatterns,
  onlyChanged,
  onlyFailures,
  findRelatedTests,
  shard,
  bail,
  ...rest
}) {
  const paths = testPathPatterns?.patterns ?? rest.nonFlagArgs ?? [];
  return (
    !testNamePattern && paths.length === 0 && !onlyChanged && !onlyFailures && !findRelatedTests && !shard && !bail
  );
}
