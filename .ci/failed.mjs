// Prints the files to run once more, alone, of the jest results in FILE: those that failed, if they are at most three.
// Otherwise it prints nothing, and the first result stands.
import { existsSync, readFileSync } from 'node:fs';
import { relative } from 'node:path';

const [file] = process.argv.slice(2);
const { testResults = [] } = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {};
const failed = testResults.filter(({ status }) => status === 'failed').map(({ name }) => relative(process.cwd(), name));
if (failed.length <= 3) for (const name of failed) console.log(name);
