// Transactions and statements of TypeORM, repeated where the cluster allows it.
import { Injectable } from '@nestjs/common';
import { MysqlCluster } from '@roam/mysql-cluster';
import { DataSource, type EntityManager } from 'typeorm';

/** The one way to write more than one row. */
@Injectable()
export class Transactions {
  constructor(
    private readonly source: DataSource,
    private readonly cluster: MysqlCluster,
  ) {}

  /**
   * Commits all statements of `work` or, if it throws, none. Runs `work` again when a conflict (1205, 1213, 1180, 3101) has
   * rolled it back, when its node was lost, and when the answer to the commit was lost. So an earlier run may have taken
   * effect: choose the ids before, write rows of them by `manager.save`, and change others by conditions that hold once.
   * Everything else that `work` does must be repeatable too. Send mails and the like through the outbox.
   *
   * In a handler that is `@Repeatable()` without `because`, it is a savepoint in the request's own transaction, which is
   * repeated as a whole, and of which nothing is left before each repetition.
   * @throws the error of `work`; {@link ClusterUnavailableError} or MySQL's error when attempts or time are used up
   *
   * ```ts
   * const id = newId();
   * await transactions.run(async (manager) => {
   *   await manager.save(Order, { id, item });
   *   await outbox.put({ kind: 'mail', key: id, content }, manager);
   * });
   * ```
   */
  run<T>(work: (manager: EntityManager) => Promise<T>): Promise<T> {
    return this.cluster.retrying(() => this.source.transaction(work));
  }

  /** Repeats one statement in the same way. With `manager` it is a part of that transaction, which is repeated as a whole. */
  statement<T>(work: (manager: EntityManager) => Promise<T>, manager?: EntityManager): Promise<T> {
    return manager ? work(manager) : this.cluster.retrying(() => work(this.source.manager));
  }
}
