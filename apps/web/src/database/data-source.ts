// TypeORM over the cluster: the entities and migrations, and how they reach MySQL.
import type { MysqlCluster } from '@roam/mysql-cluster';
import type { DataSourceOptions } from 'typeorm';
import { OutboxRow } from '../outbox/outbox-row.entity.js';
import { User } from '../users/user.entity.js';
import { AddDeactivation1763769600007 } from './migrations/add-deactivation.js';
import { AddReadinessOfServers1763769600009 } from './migrations/add-readiness-of-servers.js';
import { AddTurnsOfAccounts1763769600015 } from './migrations/add-turns-of-accounts.js';
import { CreateAccountTokens1763769600005 } from './migrations/create-account-tokens.js';
import { CreateAuditEvents1763769600004 } from './migrations/create-audit-events.js';
import { CreateFactorFailures1763769600013 } from './migrations/create-factor-failures.js';
import { CreateLeases1763769600002 } from './migrations/create-leases.js';
import { CreateOutbox1763769600010 } from './migrations/create-outbox.js';
import { CreatePasskeys1763769600008 } from './migrations/create-passkeys.js';
import { CreateRequestClaims1763769600011 } from './migrations/create-request-claims.js';
import { CreateSecondFactors1763769600006 } from './migrations/create-second-factors.js';
import { CreateServers1763769600001 } from './migrations/create-servers.js';
import { CreateThrottles1763769600003 } from './migrations/create-throttles.js';
import { CreateTurns1763769600012 } from './migrations/create-turns.js';
import { CreateUsers1763769600000 } from './migrations/create-users.js';

export const migrations = [
  CreateUsers1763769600000,
  CreateServers1763769600001,
  CreateLeases1763769600002,
  CreateThrottles1763769600003,
  CreateAuditEvents1763769600004,
  CreateAccountTokens1763769600005,
  CreateSecondFactors1763769600006,
  AddDeactivation1763769600007,
  CreatePasskeys1763769600008,
  AddReadinessOfServers1763769600009,
  CreateOutbox1763769600010,
  CreateRequestClaims1763769600011,
  CreateTurns1763769600012,
  CreateFactorFailures1763769600013,
  AddTurnsOfAccounts1763769600015,
];

/**
 * The tables change by migrations only, which `migrate.ts` runs before the servers start.
 * @param statementTimeoutMs for migrations, whose statements take longer than those of requests
 */
export function dataSourceOptions(cluster: MysqlCluster, statementTimeoutMs?: number): DataSourceOptions {
  return {
    type: 'mysql',
    // Every connection comes from the cluster, which knows the nodes; TypeORM's own `replication` is not used.
    driver: cluster.typeormDriver(statementTimeoutMs === undefined ? {} : { statementTimeoutMs }),
    entities: [OutboxRow, User],
    migrations,
    migrationsTableName: 'migrations',
    // MySQL commits at every CREATE TABLE anyway.
    migrationsTransactionMode: 'none',
    synchronize: false,
    timezone: 'Z',
    charset: 'utf8mb4',
  };
}
