// The accounts of a cluster, as statements that may be repeated.
import { escape, escapeId } from 'mysql2';
import type { Credentials } from './node.js';

export interface ClusterAccounts {
  /** Copies data between nodes. */
  readonly replication: Credentials;
  /** What the web servers use, with all rights on its database; the database is created too. */
  readonly app?: Credentials & { readonly database: string };
}

/**
 * Statements that make the accounts, or bring their passwords and rights up to date. They are kept out of the binary
 * log and belong on every node before it joins: a node that has transactions of its own may not join a group.
 */
export function accountStatements({ replication, app }: ClusterAccounts): string[] {
  const statements = [
    'SET SESSION sql_log_bin = OFF',
    ...account(replication),
    // BACKUP_ADMIN for a clone from this node, CONNECTION_ADMIN so that recovery also passes a full or offline donor.
    `GRANT REPLICATION SLAVE, BACKUP_ADMIN, CONNECTION_ADMIN, GROUP_REPLICATION_STREAM ON *.* TO ${user(replication)}`,
  ];
  if (app) {
    statements.push(
      `CREATE DATABASE IF NOT EXISTS ${escapeId(app.database)}`,
      ...account(app),
      `GRANT ALL PRIVILEGES ON ${escapeId(app.database)}.* TO ${user(app)}`,
      // To see who is a member, who may be written and how far each has come.
      `GRANT REPLICATION CLIENT ON *.* TO ${user(app)}`,
      `GRANT SELECT ON performance_schema.* TO ${user(app)}`,
    );
  }
  return statements;
}

function account(credentials: Credentials): string[] {
  const identified = `${user(credentials)} IDENTIFIED BY ${escape(credentials.password)}`;
  return [`CREATE USER IF NOT EXISTS ${identified}`, `ALTER USER ${identified}`];
}

function user(credentials: Credentials): string {
  return `${escape(credentials.user)}@'%'`;
}
