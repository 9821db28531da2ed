// The database tables: brings them up to date, and checks that they are.
import type { Cluster } from '@roam/mysql-cluster';
import { revocationTables } from '@roam/session/cookie';
import { sessionTables } from '@roam/session/mysql';
import type { RowDataPacket } from 'mysql2';
import type { Logger } from 'pino';
import { DataSource } from 'typeorm';
import type { Config } from '../config/config.js';
import { limits } from '../config/limits.js';
import { giveAppRights } from './app-rights.js';
import { assertFitsGroup } from './assert-fits-group.js';
import { connectCluster, untilItWorks } from './connect.js';
import { dataSourceOptions } from './data-source.js';
import type { Migration } from './migrations.js';
import { repeatable } from './repeatable.js';

/**
 * Several processes may do this at once, on any topology. Every statement can be repeated (`repeatable.ts`): a statement that
 * another process or an earlier try has run changes nothing. So no lock is needed, which a group of writable nodes would not
 * keep. Returns the names of the migrations that ran.
 * @throws {ClusterUnavailableError} {@link StartError}
 */
export async function migrate(config: Config, logger: Logger, migrations: readonly Migration[]): Promise<string[]> {
  const { urls, migrationUrls } = config.database;
  const cluster = await connectCluster(config, logger, limits.migrationMs, migrationUrls ?? urls);
  const options = { migrations, statementTimeoutMs: limits.migrationMs };
  const applied: string[] = [];
  const attempt = async () => {
    const source = await new DataSource(dataSourceOptions(cluster, options)).initialize();
    try {
      checkEach(source);
      for (const { name } of await source.runMigrations()) {
        applied.push(name);
        logger.info({ migration: name }, 'migration applied');
      }
    } finally {
      await source.destroy();
    }
    // No migrations: a restored backup lacks these tables and still lists all migrations as run.
    for (const statement of [...sessionTables, ...revocationTables, expiredAuditEvents])
      await cluster.write(statement, [], { everywhere: true });
    if (migrationUrls) await giveAppRights(cluster, config, logger);
  };
  try {
    await untilItWorks('the migrations', attempt, logger);
    return applied;
  } finally {
    await cluster.close();
  }
}

/**
 * Takes the last migration back that has run, and returns its name; undefined if none has. For development: what the tables lose
 * by it is lost.
 * @throws {ClusterUnavailableError} {@link Error} for a migration that is none of `migrations`
 */
export async function revertLast(
  config: Config,
  logger: Logger,
  migrations: readonly Migration[],
): Promise<string | undefined> {
  const { urls, migrationUrls } = config.database;
  const cluster = await connectCluster(config, logger, limits.migrationMs, migrationUrls ?? urls);
  const options = { migrations, statementTimeoutMs: limits.migrationMs };
  const source = new DataSource(dataSourceOptions(cluster, options));
  let reverted: string | undefined;
  try {
    await source.initialize();
    for (const migration of source.migrations) {
      const down = migration.down.bind(migration);
      migration.down = async (runner) => {
        await repeatable(runner, () => down(runner));
        reverted = migration.name;
      };
    }
    await source.undoLastMigration();
    return reverted;
  } finally {
    if (source.isInitialized) await source.destroy();
    await cluster.close();
  }
}

/**
 * What of the audit log may be deleted, and by an account that may delete nothing of the log itself: a view acts with the
 * rights of its creator. It is replaced at every run, because then its creator is an account that exists.
 *
 * By the first condition the index is used. The second one holds also for a session that has set its `timestamp` ahead.
 */
const expiredAuditEvents = `CREATE OR REPLACE SQL SECURITY DEFINER VIEW expired_audit_events AS
  SELECT id FROM audit_events
  WHERE at < UTC_TIMESTAMP() - INTERVAL ${limits.auditMs / 1_000} SECOND
    AND at < TIMESTAMPADD(SECOND, UNIX_TIMESTAMP(SYSDATE()) - ${limits.auditMs / 1_000}, TIMESTAMP'1970-01-01 00:00:00')`;

/**
 * Before a migration is recorded as done, its tables are checked. What it created remains, and each further attempt
 * refuses it again: until another process that runs the same migration is through with it, or for good.
 */
function checkEach({ migrations: instances }: DataSource): void {
  for (const migration of instances) {
    const up = migration.up.bind(migration);
    migration.up = async (runner) => {
      await repeatable(runner, () => up(runner));
      await assertFitsGroup(runner);
    };
  }
}

/**
 * Reads only, unlike TypeORM's `showMigrations`, which creates its table if that is missing.
 * @throws {Error} MySQL's own while a table is missing, or one that names the migrations that have not run
 */
export async function assertMigrated(cluster: Pick<Cluster, 'read'>, migrations: readonly Migration[]): Promise<void> {
  const applied = await cluster.read<RowDataPacket & { readonly name: string }>('SELECT name FROM migrations', []);
  const names = new Set(applied.map(({ name }) => name));
  const pending = migrations.map((Migration) => new Migration().name).filter((name) => !names.has(name));
  if (pending.length > 0) throw new Error(`these migrations have not run: ${pending.join(', ')}`);
  // The last things that `migrate` creates.
  await cluster.read('SELECT 1 FROM session_revocations LIMIT 0', []);
  await cluster.read('SELECT 1 FROM expired_audit_events LIMIT 0', []);
}
