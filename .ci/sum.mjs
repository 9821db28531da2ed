// Adds up the jest results in a folder: NAME.json (jest's own) and NAME.status (the exit status) for each NAME given. Where
// some files ran once more, NAME.first.json has the results of all files, and NAME.json those of the repeated ones. What
// follows `--commands` is no jest run: its status alone is one result.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const [folder, ...all] = process.argv.slice(2);
const names = all.includes('--commands') ? all.slice(0, all.indexOf('--commands')) : all;
const commands = all.slice(names.length + 1);
const statusOf = (name) => Number(readFileSync(join(folder, `${name}.status`), 'utf8'));
const sum = { passed: 0, failed: 0, skipped: 0 };
for (const name of names) {
  const last = filesOf(`${name}.json`);
  const files = [...new Map([...filesOf(`${name}.first.json`), ...last].map((file) => [file.name, file])).values()];
  const tests = files.flatMap((file) => file.assertionResults);
  const count = (...statuses) => tests.filter(({ status }) => statuses.includes(status)).length;
  const passed = count('passed');
  // A test file that could not run counts as one failure; so does a run that failed without a failed test.
  const broken = files.filter(
    (file) => file.status === 'failed' && !file.assertionResults.some(({ status }) => status === 'failed'),
  );
  const failed = count('failed') + broken.length;
  const status = statusOf(name);
  sum.passed += passed;
  sum.failed += status !== 0 || passed === 0 ? Math.max(failed, 1) : failed;
  sum.skipped += count('pending', 'todo', 'skipped', 'disabled');
}
for (const name of commands) sum[statusOf(name) === 0 ? 'passed' : 'failed']++;
console.log(`${sum.passed} passed, ${sum.failed} failed${sum.skipped > 0 ? `, ${sum.skipped} skipped` : ''}`);
process.exitCode = sum.failed === 0 ? 0 : 1;

function filesOf(name) {
  const file = join(folder, name);
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')).testResults : [];
}
