// `npm run migration:generate`, `:run` and `:revert`: finds the database, or starts one, and runs the command of the web app.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { guarded, plainEnvironment, projectDir, type Databases } from '@roam/local-stack';
import { runMigrations, say, sayError, startDatabase } from './development-database.js';
import { ADMIN_SETTINGS } from './state.js';

type Environment = NodeJS.ProcessEnv;

const [command, ...rest] = process.argv.slice(2);
const needsDatabase =
  command === 'generate' ? rest.length > 0 : rest.length === 0 && ['run', 'revert'].includes(command);
let databases: Databases | undefined;

/** The settings of this process, if they name a database. */
function given(): Environment | undefined {
  const { env } = process;
  return env.DATABASE_URLS || env.DATABASE_URLS_FILE ? env : undefined;
}

/** Those of a running `npm run dev`. A demo's file lacks the account that changes tables. */
function ofDev(): Environment | undefined {
  const file = join(projectDir, ADMIN_SETTINGS);
  const settings = existsSync(file) ? parseEnv(readFileSync(file, 'utf8')) : {};
  return settings.MIGRATION_DATABASE_URLS ? { ...plainEnvironment(), ...settings } : undefined;
}

/** A new database; only `run` finds it empty. */
async function own(): Promise<Environment> {
  say(
    'no database is named by DATABASE_URLS, and "npm run dev" does not run: using a new one, which ends with this command',
  );
  const database = await startDatabase('http://localhost:3000');
  ({ databases } = database);
  if (command !== 'run') await runMigrations(database, 'migration.log');
  return { ...plainEnvironment(), ...database.migrating };
}

async function run(): Promise<number> {
  // Without a name there is only the usage to print.
  const env = given() ?? (needsDatabase ? (ofDev() ?? (await own())) : process.env);
  const script = join(projectDir, 'apps/web/dist/migration.js');
  const { file, args } = guarded({ file: process.execPath, args: [script, ...(command ? [command] : []), ...rest] });
  const [code] = (await once(spawn(file, args, { stdio: 'inherit', env }), 'exit')) as [number | null];
  return code ?? 1;
}

try {
  process.exitCode = await run();
} catch (error) {
  sayError(error);
  process.exitCode = 1;
} finally {
  await databases?.stop();
}
