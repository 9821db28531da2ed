// The accounts of a cluster, as statements that may be repeated.
import { escape, escapeId } from 'mysql2';
import type { Credentials } from './node.js';

export interface ClusterAccounts {
  /** Copies data between nodes. */
  readonly replication: Credentials;
  /**
   * What the web servers use, with all rights on its database; the database is created too. With `migrations` it may only
   * read: those who change the tables then say who may write to which.
   */
  readonly app?: Credentials & { readonly database: string };
  /** Changes the tables of the app's database, and passes on rights on them. */
  readonly migrations?: Credentials;
}

/**
 * Statements that make the accounts, or bring their passwords and rights up to date. They are kept out of the binary
 * log and belong on every node before it joins: a node that has transactions of its own may not join a group.
 */
export function accountStatements({ replication, app, migrations }: ClusterAccounts): string[] {
  const statements = [
    'SET SESSION sql_log_bin = OFF',
    ...account(replication),
    // BACKUP_ADMIN for a clone from this node, CONNECTION_ADMIN so that recovery also passes a full or offline donor.
    `GRANT REPLICATION SLAVE, BACKUP_ADMIN, CONNECTION_ADMIN, GROUP_REPLICATION_STREAM ON *.* TO ${user(replication)}`,
  ];
  if (app) {
    const tables = `${escapeId(app.database)}.*`;
    statements.push(`CREATE DATABASE IF NOT EXISTS ${escapeId(app.database)}`);
    statements.push(...client(app), `GRANT ${migrations ? 'SELECT' : 'ALL PRIVILEGES'} ON ${tables} TO ${user(app)}`);
    if (migrations)
      statements.push(
        ...client(migrations),
        `GRANT ALL PRIVILEGES ON ${tables} TO ${user(migrations)} WITH GRANT OPTION`,
      );
  }
  return statements;
}

/** May see who is a member, who may be written and how far each has come. */
function client(credentials: Credentials): string[] {
  return [
    ...account(credentials),
    `GRANT REPLICATION CLIENT ON *.* TO ${user(credentials)}`,
    `GRANT SELECT ON performance_schema.* TO ${user(credentials)}`,
  ];
}

function account(credentials: Credentials): string[] {
  const identified = `${user(credentials)} IDENTIFIED BY ${escape(credentials.password)}`;
  return [`CREATE USER IF NOT EXISTS ${identified}`, `ALTER USER ${identified}`];
}

function user(credentials: Credentials): string {
  return `${escape(credentials.user)}@'%'`;
}
