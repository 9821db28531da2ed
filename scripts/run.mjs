// Runs the project's commands right after `git clone`: installs and builds what is missing first. No dependencies.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
process.chdir(root);

const [command, ...args] = process.argv.slice(2);
const jest = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning', 'node_modules/jest/bin/jest.js'];

/** What `npm run <name>` does: the programs to run one after the other, each a list of arguments to node. */
const commands = {
  demo: () => [['apps/demo/dist/main.js', ...args]],
  dev: () => [['apps/demo/dist/dev.js', ...args]],
  admin: () => [[...settingsOfTheDemo(), 'apps/web/dist/admin.js', ...args]],
  routes: () => [['apps/web/dist/write-routes.js', ...args]],
  'migration:generate': () => [['apps/demo/dist/migration.js', 'generate', ...args]],
  'migration:run': () => [['apps/demo/dist/migration.js', 'run', ...args]],
  'migration:revert': () => [['apps/demo/dist/migration.js', 'revert', ...args]],
  generate: () => [['scripts/generate.mjs', ...args]],
  bench: () => [['--import', './test/support/typescript.mjs', 'test/bench/run.mjs', ...args]],
  test: () => [[...jest, '--selectProjects', 'unit', 'processes', 'mysql', 'e2e', '--maxWorkers=2', ...args]],
  // `--selectProjects` takes every word up to the next flag; without one the paths in `args` would be projects.
  'test:unit': () => [[...jest, '--selectProjects', 'unit', '--runTestsByPath=false', ...args]],
  'test:faults': () => [[...jest, '--selectProjects', 'faults', '--runInBand', ...args]],
  'test:soak': () => [[...jest, '--selectProjects', 'soak', '--runInBand', ...args]],
  'test:compose': () => [[...jest, '--selectProjects', 'compose', '--runInBand', ...args]],
  'test:claims': () => [['--import', './test/support/typescript.mjs', 'test/claims/run.ts', ...args]],
  check: () => [
    ['node_modules/prettier/bin/prettier.cjs', '--check', '--log-level=warn', '.'],
    ['node_modules/eslint/bin/eslint.js', '.'],
    ['node_modules/typescript/bin/tsc', '--noEmit'],
    ['node_modules/knip/bin/knip.js'],
    ['scripts/check-docs.mjs'],
    ...readdirSync('libs').map((lib) => ['node_modules/publint/src/cli.js', `libs/${lib}`]),
  ],
};
const needsBuild = !['test:unit', 'generate'].includes(command);

if (!Object.hasOwn(commands, command))
  fail(`Unknown command "${command ?? ''}". Usage: node scripts/run.mjs ${Object.keys(commands).join('|')}`);
const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19))
  fail(`roam needs Node 20.19 or later, but this is ${process.versions.node}: install a newer Node.`);
install();
if (needsBuild) build();
for (const program of commands[command]()) {
  const status = await run(program);
  if (status !== 0) process.exit(status);
}

/** `npm ci`, when nothing is installed or the lock is newer than what is. */
function install() {
  const installed = 'node_modules/.package-lock.json';
  if (existsSync(installed) && modified(installed) >= modified('package-lock.json')) return;
  say('installing the dependencies in package-lock.json (about 30 seconds)');
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  const { status } = spawnSync(npm, ['ci', '--no-audit', '--no-fund', '--loglevel=error'], { stdio: ['ignore', 2, 2] });
  if (status !== 0) fail('npm ci failed: see its output above, and check that the npm registry can be reached.');
  // `npm ci` keeps the lock's own time: what was just installed must count as newer.
  utimesSync(installed, new Date(), new Date());
}

/** `nest build --all`, when a source is newer than the last build. */
function build() {
  const stamp = 'node_modules/.roam-build';
  const sources = ['apps', 'libs'].flatMap((folder) => readdirSync(folder).map((name) => join(folder, name)));
  const newest = Math.max(modified('tsconfig.json'), modified('nest-cli.json'), ...sources.map(newestBelow));
  const built = sources.every((folder) => existsSync(join(folder, 'dist')));
  if (built && existsSync(stamp) && modified(stamp) > newest) return;
  say('building the apps and libraries');
  const nest = spawnSync(process.execPath, ['node_modules/@nestjs/cli/bin/nest.js', 'build', '--all'], {
    encoding: 'utf8',
  });
  if (nest.status !== 0) fail(`The build failed:\n${nest.stdout}${nest.stderr}`);
  writeFileSync(stamp, '');
}

function newestBelow(folder) {
  const entries = readdirSync(folder, { withFileTypes: true }).filter(
    ({ name }) => !['dist', 'node_modules'].includes(name),
  );
  return Math.max(
    0,
    ...entries.map((entry) => {
      const path = join(folder, entry.name);
      return entry.isDirectory() ? newestBelow(path) : modified(path);
    }),
  );
}

/** `npm run admin` beside a running demo manages the demo's users. */
function settingsOfTheDemo() {
  const file = '.roam/demo.env';
  return !process.env.DATABASE_URLS && !process.env.DATABASE_URLS_FILE && existsSync(file)
    ? [`--env-file=${file}`]
    : [];
}

/** Runs node with these arguments until it ends; it gets our signals, and ends when we or our parent are killed. */
function run(nodeArguments) {
  const dies = process.platform === 'linux' && spawnSync('setpriv', ['--version']).status === 0;
  const [file, ...leading] = [...(dies ? ['setpriv', '--pdeathsig', 'KILL'] : []), process.execPath];
  const child = spawn(file, [...leading, ...nodeArguments], { stdio: 'inherit' });
  const parent = process.ppid;
  const orphaned = setInterval(() => process.ppid !== parent && child.kill('SIGKILL'), 500);
  // Ctrl-C reaches the child by itself, from the terminal.
  process.on('SIGINT', () => undefined);
  const forward = () => child.kill('SIGTERM');
  process.on('SIGTERM', forward);
  return new Promise((resolve) => {
    child.on('error', (error) => fail(`Cannot run ${file}: ${error.message}`));
    child.on('exit', (code, signal) => {
      clearInterval(orphaned);
      process.off('SIGTERM', forward);
      resolve(code ?? (signal === 'SIGINT' ? 130 : 1));
    });
  });
}

function modified(path) {
  return statSync(path).mtimeMs;
}

function say(message) {
  console.error(`roam: ${message}`);
}

function fail(message) {
  console.error(message);
  process.exit(1);
}
