// The accounts of one run, with fresh random passwords.
import { randomBytes } from 'node:crypto';
import { accountStatements, type ClusterAccounts, type Credentials } from '@roam/mysql-cluster/group';

const DATABASE = 'roam';

export interface RunAccounts extends ClusterAccounts {
  readonly admin: Credentials;
  readonly app: Credentials & { readonly database: string };
  readonly migrations: Credentials;
}

export function makeAccounts(): RunAccounts {
  return {
    admin: { user: 'admin', password: secret() },
    replication: { user: 'replication', password: secret() },
    app: { user: 'roam', password: secret(), database: DATABASE },
    migrations: { user: 'migrator', password: secret() },
  };
}

/**
 * The file that a node runs at its first start, before it accepts connections: so there is no moment with an account
 * without password. It ends read-only: what makes a node writable is the group, or its role.
 */
export function firstStartSql(accounts: RunAccounts): string {
  const { user, password } = accounts.admin;
  const { user: app, database } = accounts.app;
  const statements = [
    ...accountStatements(accounts),
    // As on a site that was made by an earlier release, and for tests that make tables of their own. The migrations of the
    // web app remove it.
    `GRANT ALL PRIVILEGES ON ${database}.* TO '${app}'@'%'`,
    `CREATE USER '${user}'@'%' IDENTIFIED BY '${password}'`,
    `GRANT ALL ON *.* TO '${user}'@'%' WITH GRANT OPTION`,
    `ALTER USER 'root'@'localhost' IDENTIFIED BY '${secret()}' ACCOUNT LOCK`,
    'SET GLOBAL super_read_only = ON',
  ];
  return statements.map((statement) => `${statement};\n`).join('');
}

function secret(): string {
  return randomBytes(18).toString('base64url');
}
