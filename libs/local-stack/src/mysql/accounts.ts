// The accounts of one run, with fresh random passwords.
import { randomBytes } from 'node:crypto';
import { accountStatements, type ClusterAccounts, type Credentials } from '@roam/mysql-cluster/group';

const DATABASE = 'roam';

export interface RunAccounts extends ClusterAccounts {
  readonly admin: Credentials;
  readonly app: Credentials & { readonly database: string };
}

export function makeAccounts(): RunAccounts {
  return {
    admin: { user: 'admin', password: secret() },
    replication: { user: 'replication', password: secret() },
    app: { user: 'roam', password: secret(), database: DATABASE },
  };
}

/**
 * The file that a node runs at its first start, before it accepts connections: so there is no moment with an account
 * without password. It ends read-only: what makes a node writable is the group, or its role.
 */
export function firstStartSql(accounts: RunAccounts): string {
  const { user, password } = accounts.admin;
  const statements = [
    ...accountStatements(accounts),
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
