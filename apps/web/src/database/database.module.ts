// The cluster, and TypeORM's repositories and transactions on it.
import { Global, Module, type DynamicModule } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { MysqlCluster } from '@roam/mysql-cluster';
import { dataSourceOptions } from './data-source.js';
import { Transactions } from './transactions.js';
import { Migrations } from './migrations.js';
import { CreateLeases1763769600002 } from './migrations/create-leases.js';
import { CreateTurns1763769600012 } from './migrations/create-turns.js';

@Migrations([CreateLeases1763769600002, CreateTurns1763769600012])
@Global()
@Module({})
export class DatabaseModule {
  /** The cluster is connected before, and closed after, the app that uses it. */
  static forRoot(cluster: MysqlCluster): DynamicModule {
    return {
      module: DatabaseModule,
      imports: [TypeOrmModule.forRoot({ ...dataSourceOptions(cluster), autoLoadEntities: true, retryAttempts: 1 })],
      providers: [{ provide: MysqlCluster, useValue: cluster }, Transactions],
      exports: [MysqlCluster, Transactions],
    };
  }
}
