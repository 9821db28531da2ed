// The rights of the web servers' database account, as statements: it uses the tables and cannot change them (ASVS 13.2.2).
import type { MysqlCluster } from '@roam/mysql-cluster';
import { escapeId, type RowDataPacket } from 'mysql2';
import type { Logger } from 'pino';
import type { Config } from '../config/config.js';
import { quietLogger } from '../logging/logging.js';
import { connectCluster } from './connect.js';

/** All tables but these are read, inserted into, updated and deleted from. Every table may be read. */
const exceptions: Readonly<Record<string, string | undefined>> = {
  // An attacker who controls a web server cannot remove the traces of it (ASVS 16.4.2).
  audit_events: 'INSERT',
  expired_audit_events: 'DELETE',
  migrations: undefined,
};
const usual = 'INSERT, UPDATE, DELETE';

/** All rights on a database but SELECT. */
const beyondReading =
  'INSERT, UPDATE, DELETE, CREATE, DROP, REFERENCES, INDEX, ALTER, CREATE TEMPORARY TABLES, LOCK TABLES, CREATE VIEW, ' +
  'SHOW VIEW, CREATE ROUTINE, ALTER ROUTINE, EXECUTE, EVENT, TRIGGER, GRANT OPTION';
/** The same on a table. */
const beyondReadingTable =
  'INSERT, UPDATE, DELETE, CREATE, DROP, REFERENCES, INDEX, ALTER, CREATE VIEW, SHOW VIEW, TRIGGER, GRANT OPTION';

/**
 * Gives the account of `DATABASE_URLS` its rights, also on tables that a migration has just created.
 * @param cluster by the migrations' account, which has all rights on the database and may pass them on
 */
export async function giveAppRights(cluster: MysqlCluster, config: Config, logger: Logger): Promise<void> {
  const app = await connectCluster(config, quietLogger());
  try {
    const [{ account }] = await app.read<RowDataPacket & { account: string }>('SELECT CURRENT_USER() AS account', []);
    const tables = await cluster.read<RowDataPacket & { name: string; base: string }>(
      'SELECT TABLE_NAME AS name, TABLE_SCHEMA AS base FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE()',
      [],
    );
    const names = tables.map(({ name }) => name);
    const statements = appRights(account, tables[0].base, names);
    const last = statements.pop()!;
    for (const statement of statements) await cluster.write(statement, []);
    // Each node applies them in this order.
    await cluster.write(last, [], { everywhere: true });
    const excess = await app.read<RowDataPacket & { right: string }>(othersRights, []);
    if (excess.length > 0)
      logger.warn(
        { account, rights: excess.map(({ right }) => right) },
        "the web servers' database account has rights that only an administrator of MySQL can remove: see docs/mysql.md, Grants",
      );
    logger.info({ account, tables: names.length }, "the rights of the web servers' database account are up to date");
  } finally {
    await app.close();
  }
}

/** What the migrations' account cannot remove. */
const othersRights = `
  SELECT PRIVILEGE_TYPE AS \`right\` FROM information_schema.USER_PRIVILEGES
  WHERE PRIVILEGE_TYPE NOT IN ('USAGE', 'REPLICATION CLIENT')
  UNION
  SELECT PRIVILEGE_TYPE FROM information_schema.SCHEMA_PRIVILEGES
  WHERE TABLE_SCHEMA = DATABASE() AND PRIVILEGE_TYPE <> 'SELECT'`;

/**
 * Statements that give the account these rights on each table, and then remove all others that it has on the database. Each
 * may run again. A web server that runs meanwhile has at every moment the rights that it needs.
 *
 * MySQL adds up the rights on a database and on its tables. So there is no way to except one table from a right on the
 * database, and the rights to write are given for each table.
 */
function appRights(account: string, database: string, tables: readonly string[]): string[] {
  const app = quoted(account);
  const on = (table: string) => `${escapeId(database, true)}.${escapeId(table, true)}`;
  return [
    `GRANT SELECT ON ${escapeId(database, true)}.* TO ${app}`,
    ...tables.flatMap((table) => {
      const isUsual = !Object.hasOwn(exceptions, table);
      const given = isUsual ? usual : exceptions[table];
      const removed = isUsual ? [] : [without(given)];
      return [
        ...(given === undefined ? [] : [`GRANT ${given} ON ${on(table)} TO ${app}`]),
        ...removed.map((rights) => `REVOKE IF EXISTS ${rights} ON ${on(table)} FROM ${app}`),
      ];
    }),
    `REVOKE IF EXISTS ${beyondReading} ON ${escapeId(database, true)}.* FROM ${app}`,
  ];
}

function without(right: string | undefined): string {
  return beyondReadingTable
    .split(', ')
    .filter((each) => each !== right)
    .join(', ');
}

function quoted(account: string): string {
  const at = account.lastIndexOf('@');
  return `${escapeId(account.slice(0, at), true)}@${escapeId(account.slice(at + 1), true)}`;
}
