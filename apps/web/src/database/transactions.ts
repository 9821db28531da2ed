// Transactions and statements of TypeORM, repeated where the cluster allows it.
import { Injectable } from '@nestjs/common';
import { MysqlCluster } from '@roam/mysql-cluster';
import { DataSource, type EntityManager } from 'typeorm';

@Injectable()
export class Transactions {
  constructor(
    private readonly source: DataSource,
    private readonly cluster: MysqlCluster,
  ) {}

  /**
   * Commits all statements of `work` or, if it throws, none. `work` may run several times, also after a commit whose
   * answer was lost, so it must be repeatable.
   */
  run<T>(work: (manager: EntityManager) => Promise<T>): Promise<T> {
    return this.cluster.retrying(() => this.source.transaction(work));
  }

  /** Runs one statement, in the transaction of `manager` if there is one: that is repeated as a whole. */
  statement<T>(work: (manager: EntityManager) => Promise<T>, manager?: EntityManager): Promise<T> {
    return manager ? work(manager) : this.cluster.retrying(() => work(this.source.manager));
  }
}
