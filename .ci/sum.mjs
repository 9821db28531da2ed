// Adds up the jest results in a folder: NAME.json (jest's own) and NAME.status (the exit status) for each NAME given.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const [folder, ...names] = process.argv.slice(2);
const sum = { passed: 0, failed: 0, skipped: 0 };
for (const name of names) {
  const file = join(folder, `${name}.json`);
  const results = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {};
  const { numPassedTests = 0, numFailedTests = 0, numRuntimeErrorTestSuites = 0 } = results;
  const { numPendingTests = 0, numTodoTests = 0 } = results;
  // A test file that could not run counts as one failure; so does a run that failed without a failed test.
  const failed = numFailedTests + numRuntimeErrorTestSuites;
  const status = Number(readFileSync(join(folder, `${name}.status`), 'utf8'));
  sum.passed += numPassedTests;
  sum.failed += status !== 0 || numPassedTests === 0 ? Math.max(failed, 1) : failed;
  sum.skipped += numPendingTests + numTodoTests;
}
console.log(`${sum.passed} passed, ${sum.failed} failed${sum.skipped > 0 ? `, ${sum.skipped} skipped` : ''}`);
process.exitCode = sum.failed === 0 ? 0 : 1;
