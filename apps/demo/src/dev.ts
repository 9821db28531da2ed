// `npm run dev`: one MySQL server, the migrations, and the web app, rebuilt and restarted at every change.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, watch as fsWatch } from 'node:fs';
import { join } from 'node:path';
import { stderr } from 'node:process';
import { guarded, isFree, plainEnvironment, projectDir, StackError, type Databases } from '@roam/local-stack';
import { runMigrations, say, sayError, startDatabase } from './development-database.js';
import { ADMIN_SETTINGS, environmentFile, removeFile, writePrivately } from './state.js';

const PORT = Number(process.env.PORT ?? 3000);
const PROJECTS = ['libs/mysql-cluster', 'libs/session', 'apps/web'];

/** Ctrl-C was pressed, or something failed. */
let isEnding = false;
const children: ChildProcess[] = [];
let databases: Databases | undefined;

async function end(code = 0): Promise<void> {
  if (isEnding) return;
  isEnding = true;
  // First: who finds the file takes the database for a running one.
  if (databases) removeFile(ADMIN_SETTINGS);
  for (const child of children) child.kill('SIGTERM');
  await databases?.stop();
  process.exit(code);
}

/** Compiles one project at every change; resolves after the first time. */
function compile(project: string): Promise<void> {
  const tsc = join(projectDir, 'node_modules/typescript/bin/tsc');
  const { file, args } = guarded({
    file: process.execPath,
    args: [tsc, '-p', join(project, 'tsconfig.build.json'), '--watch', '--preserveWatchOutput'],
  });
  const child = spawn(file, args, { cwd: projectDir, stdio: ['ignore', 'pipe', 'inherit'], detached: true });
  children.push(child);
  return new Promise((resolve, reject) => {
    child.stdout.setEncoding('utf8');
    child.stdout.on('data', (text: string) => {
      // Only what is wrong is worth a line.
      if (/error TS|Found [1-9]\d* error/.test(text)) stderr.write(`[${project}] ${text}`);
      if (/Watching for file changes/.test(text)) resolve();
    });
    child.once('exit', (code) =>
      reject(new Error(`The TypeScript compiler of ${project} exited with code ${code}: see its output above`)),
    );
  });
}

/** Copies what the build copies beside the compiled files (see nest-cli.json), whenever it changes. */
function copyPages(): void {
  const source = join(projectDir, 'apps/web/src');
  const target = join(projectDir, 'apps/web/dist');
  fsWatch(source, { recursive: true }, (_event, name) => {
    if (name !== null && /\.(eta|css|svg|js)$/.test(name) && existsSync(join(source, name)))
      cpSync(join(source, name), join(target, name));
  });
}

/** Runs the web app; what it returns runs it again at every change of what was built. */
function serve(env: Readonly<Record<string, string>>): () => void {
  const main = join(projectDir, 'apps/web/dist/main.js');
  const { file, args } = guarded({ file: process.execPath, args: ['--enable-source-maps', main] });
  let server: ChildProcess | undefined;
  const start = () => {
    server = spawn(file, args, { cwd: projectDir, stdio: 'inherit', env: { ...env }, detached: true });
    children.push(server);
  };
  const restart = async () => {
    const old = server;
    if (old && old.exitCode === null && old.signalCode === null) {
      const gone = once(old, 'exit');
      old.kill('SIGTERM');
      await gone;
    }
    if (old) children.splice(children.indexOf(old), 1);
    say('restarting the web app');
    start();
  };
  // One after the other, and once for all files of one build.
  let running = Promise.resolve();
  let timer: NodeJS.Timeout | undefined;
  start();
  return () => {
    for (const project of PROJECTS)
      fsWatch(join(projectDir, project, 'dist'), { recursive: true }, () => {
        clearTimeout(timer);
        timer = setTimeout(() => {
          running = running.then(restart);
        }, 300);
      });
  };
}

async function run(): Promise<void> {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => void end());
  if (!(await isFree(PORT)))
    throw new StackError(
      'port_in_use',
      `Port ${PORT} is in use by another program: choose another one, for example PORT=${PORT + 1} npm run dev`,
    );
  const url = `http://localhost:${PORT}`;
  const database = await startDatabase(url);
  ({ databases } = database);
  writePrivately(ADMIN_SETTINGS, environmentFile(database.migrating));
  await runMigrations(database, 'dev-migrate.log');
  const env = {
    ...plainEnvironment(),
    ...database.settings,
    SERVER_NAME: 'dev',
    PORT: String(PORT),
    METRICS_PORT: '0',
  };
  const restartAtChanges = serve(env);
  say(`the web app starts at ${url}; press Ctrl-C to stop it`);
  await Promise.all(PROJECTS.map(compile));
  copyPages();
  restartAtChanges();
  say('watching the source files: each change rebuilds and restarts the web app');
}

try {
  await run();
} catch (error) {
  // What fails because all is being stopped is no error.
  if (!isEnding) sayError(error);
  await end(1);
}
