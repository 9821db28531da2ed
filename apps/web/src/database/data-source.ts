// TypeORM over the cluster: how its statements reach MySQL.
import type { Type } from '@nestjs/common';
import type { MysqlCluster } from '@roam/mysql-cluster';
import type { DataSourceOptions } from 'typeorm';
import type { Migration } from './migrations.js';

export interface DataSourceContent {
  /** Of the app, `TypeOrmModule.forFeature` of each module adds its own. */
  readonly entities?: readonly Type[];
  readonly migrations?: readonly Migration[];
  /** For migrations, whose statements take longer than those of requests. */
  readonly statementTimeoutMs?: number;
}

/** The tables change by migrations only, which `migrate.ts` runs before the servers start. */
export function dataSourceOptions(
  cluster: MysqlCluster,
  { entities = [], migrations = [], statementTimeoutMs }: DataSourceContent = {},
): DataSourceOptions {
  return {
    type: 'mysql',
    // Every connection comes from the cluster, which knows the nodes; TypeORM's own `replication` is not used.
    driver: cluster.typeormDriver(statementTimeoutMs === undefined ? {} : { statementTimeoutMs }),
    entities: [...entities],
    migrations: [...migrations],
    migrationsTableName: 'migrations',
    // MySQL commits at every CREATE TABLE anyway.
    migrationsTransactionMode: 'none',
    synchronize: false,
    timezone: 'Z',
    charset: 'utf8mb4',
  };
}
