// The database of `npm run dev`, and of the migration commands where no other one is named: one MySQL server, and its migrations.
import { join } from 'node:path';
import { stderr } from 'node:process';
import {
  migrate,
  migrationSettings,
  plainEnvironment,
  projectDir,
  roamDir,
  StackError,
  startDatabases,
  webSettings,
  type Databases,
} from '@roam/local-stack';

export interface DevelopmentDatabase {
  readonly databases: Databases;
  /** Of a web server. */
  readonly settings: Readonly<Record<string, string>>;
  /** The same, and the account that changes tables. */
  readonly migrating: Readonly<Record<string, string>>;
}

/** @param url of the web app */
export async function startDatabase(url: string): Promise<DevelopmentDatabase> {
  const databases = await startDatabases({ count: 1, topology: 'single', onProgress: say });
  const settings = webSettings(databases, url);
  return { databases, settings, migrating: { ...settings, ...migrationSettings(databases) } };
}

/** @param log the name of the file that has what the migrations say */
export function runMigrations({ migrating }: DevelopmentDatabase, log: string): Promise<void> {
  say('running the migrations');
  const script = join(projectDir, 'apps/web/dist/migrate.js');
  return migrate(script, join(roamDir(), log), { ...plainEnvironment(), ...migrating });
}

export function say(message: string): void {
  stderr.write(`roam: ${message}\n`);
}

/** Says what went wrong. */
export function sayError(error: unknown): void {
  say(error instanceof StackError ? error.message : String(error));
}
