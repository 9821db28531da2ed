// Writes nginx's include from what the handlers declare: `npm run routes`. With `--check` it only compares.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { nginxInclude } from './routes/nginx-include.js';
import { routesOfApp } from './routes-of-app.js';
import { RouteTable } from './routes/route-table.js';

const usage = `Usage: npm run routes -- [--check] [FOLDER]

Writes what nginx has to know of each route into FOLDER (deploy/nginx): which requests it may
repeat, and their limits. Run it when a handler's declaration has changed.

  --check   write nothing; fail when the files are not up to date
`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { check: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } },
});
const folder = positionals[0] ?? 'deploy/nginx';
if (values.help) process.stdout.write(usage);
else
  for (const [name, content] of nginxInclude(new RouteTable(routesOfApp()))) {
    const file = join(folder, name);
    if (values.check) check(file, content);
    else {
      mkdirSync(folder, { recursive: true });
      writeFileSync(file, content);
      process.stdout.write(`wrote ${file}\n`);
    }
  }

function check(file: string, content: string): void {
  let found: string | undefined;
  try {
    found = readFileSync(file, 'utf8');
  } catch {
    // Reported as not up to date.
  }
  if (found === content) return;
  process.exitCode = 1;
  process.stderr.write(`${file} is not what the handlers declare: run "npm run routes" and commit it\n`);
}
