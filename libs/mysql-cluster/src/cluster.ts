// Several MySQL servers as one: statements find their node, survive its failure, and end in time.
import type { RowDataPacket } from 'mysql2';
import { Failover } from './failover.js';
import { NodeSet } from './node-set.js';
import { OneTransaction } from './one-transaction.js';
import { readAllIn, readByKeyIn, readIn } from './reads.js';
import { hashOf } from './rendezvous.js';
import { retry } from './retry.js';
import { runTransaction } from './run-transaction.js';
import type { MysqlDriver, TypeormDriverOptions } from './typeorm-driver.js';
import { createTypeormDriver } from './typeorm-driver.js';
import type {
  Cluster,
  ClusterOptions,
  ClusterStats,
  KeyedSelect,
  KeyedUpdate,
  NodeStatus,
  Parameter,
  ReadOptions,
  RetryOptions,
  Transaction,
  TransactionOptions,
  WriteOptions,
  WriteSummary,
} from './types.js';
import { untilUsable } from './until-usable.js';
import { writeByKeyIn, writeIn } from './writes.js';

/**
 * The cluster of docs/architecture.md. Statements are prepared and kept prepared, so pass values as parameters and
 * keep the number of different texts small.
 *
 * ```ts
 * const cluster = await MysqlCluster.connect({ urls: ['mysql://app:secret@db1/app', 'mysql://app:secret@db2/app'] });
 * const [row] = await cluster.read('SELECT name FROM user WHERE id = ?', [id], { key: id });
 * await cluster.close();
 * ```
 */
export class MysqlCluster implements Cluster {
  private constructor(private readonly failover: Failover) {
    // Whoever logs the cluster must not log the passwords of its URLs.
    Object.defineProperty(this, 'failover', { enumerable: false });
  }

  /**
   * Resolves when at least one node can be used; logs what it waits for. Rejects with `ClusterUnavailableError` after
   * `startTimeoutMs`, or at once when no server is MySQL 8.4 or later; with `TypeError` for a malformed url.
   */
  static async connect(options: ClusterOptions): Promise<MysqlCluster> {
    if (options.urls.length === 0) throw new TypeError('no database URLs: give at least one');
    const nodes = new NodeSet({
      urls: options.urls,
      ...(options.ca !== undefined && { ca: options.ca }),
      readTimeoutMs: options.readTimeoutMs ?? 300,
      writeTimeoutMs: options.writeTimeoutMs ?? 800,
      connectionsPerNode: options.connectionsPerNode ?? 10,
      queueLimit: options.queueLimit ?? 1000,
      watchIntervalMs: options.watchIntervalMs ?? 250,
      maxLagMs: options.maxLagMs ?? 500,
      frozenMs: options.frozenMs ?? 2000,
      log: options.log ?? (() => undefined),
    });
    try {
      await untilUsable(nodes, options.startTimeoutMs ?? 60_000);
    } catch (error) {
      await nodes.close();
      throw error;
    }
    return new MysqlCluster(new Failover(nodes));
  }

  read<T extends RowDataPacket>(
    sql: string,
    parameters: readonly Parameter[],
    options: ReadOptions<T> = {},
  ): Promise<T[]> {
    return readIn<T>(this.failover, sql, parameters, options);
  }

  async readByKey<T extends RowDataPacket>(
    select: KeyedSelect<T>,
    parameter: Parameter,
    options: ReadOptions<T> & { readonly key: string },
  ): Promise<T | undefined> {
    return readByKeyIn(this.failover, select, parameter, options);
  }

  async write(sql: string, parameters: readonly Parameter[], options: WriteOptions = {}): Promise<WriteSummary> {
    return writeIn(this.failover, sql, parameters, options);
  }

  async writeByKey<C>(update: KeyedUpdate<C>, change: C, options: { readonly key: string }): Promise<WriteSummary> {
    return writeByKeyIn(this.failover, update, change, options);
  }

  readAll<T extends RowDataPacket>(sql: string, parameters: readonly Parameter[]): Promise<T[][]> {
    return readAllIn<T>(this.failover, sql, parameters);
  }

  /**
   * Runs `fn` again when it fails by a conflict (1205, 1213, 1180, 3101) or because its node was lost or does not
   * accept writes now; other errors, and the last one when attempts or time are used up, are passed on. For what goes
   * through TypeORM, for example. `fn` must be repeatable: an earlier run may have taken effect.
   */
  async retrying<T>(fn: (attempt: number) => Promise<T>, options: RetryOptions = {}): Promise<T> {
    // A part of a transaction cannot be repeated: only the whole, by its caller.
    return this.failover.transactions.getStore()?.isRunning ? fn(1) : retry(this.failover, fn, options);
  }

  /**
   * A transaction (READ COMMITTED) on its key's home node, in `retrying`: `fn` may run several times, also after
   * a commit whose answer was lost, so it must be repeatable. When `fn` throws, all is rolled back and the error passed on.
   *
   * ```ts
   * await cluster.transaction(async (tx) => {
   *   const [row] = await tx.read('SELECT n FROM counter WHERE id = ? FOR UPDATE', [id]);
   *   await tx.write('UPDATE counter SET n = ? WHERE id = ?', [row.n + 1, id]);
   * });
   * ```
   */
  async transaction<T>(fn: (transaction: Transaction) => Promise<T>, options: TransactionOptions = {}): Promise<T> {
    const budget = this.failover.statementBudget(this.nodeSet.writeTimeoutMs, options.timeoutMs);
    return retry(this.failover, () => runTransaction(this.failover, fn, budget, options), options);
  }

  /**
   * Makes all that the work does through TypeORM one transaction (READ COMMITTED) on one connection: each connection that
   * TypeORM takes from `typeormDriver()` meanwhile is that one, and TypeORM's own transactions are savepoints in it. Commits
   * when the work resolves, rolls back when it rejects. `read`, `write` and `transaction` of the cluster are not part of it.
   *
   * The work runs once, also where it calls `retrying`; if it is repeatable, call this in `retrying`. Rejects with the
   * work's own error, or with `ClusterUnavailableError` when a node, a conflict or the time ended the transaction, whatever
   * the work made of that; its `outcomeUnknown` says that the commit may have taken effect. Await all that the work begins: what is left behind fails.
   * @param options.timeoutMs for all but the commit (default: the write timeout)
   *
   * ```ts
   * await cluster.inOneTransaction(async () => {
   *   await orders.save(order);
   *   await stock.decrement({ item }, 'left', 1);
   * });
   * ```
   */
  inOneTransaction<T>(work: () => Promise<T>, options: { readonly timeoutMs?: number } = {}): Promise<T> {
    return OneTransaction.run(this.failover, work, options.timeoutMs);
  }

  /**
   * Runs the work, such as a request. If this process is frozen meanwhile, each statement that the work begins afterwards
   * fails with `ClusterUnavailableError` and is not sent, TypeORM's too: another server has done the request by then, and a
   * late effect of this one would mix with it. This holds for all that the work calls or starts. Run what is to outlive it
   * (a queue, a timer of its own) from an earlier `AsyncLocalStorage.snapshot()`.
   * @param options.statementTimeoutMs for each statement of the work, TypeORM's too, in place of the read and write timeout
   *   (default: as the surrounding work). A node is then left when it answers nothing at all, not when it is slow.
   *
   * ```ts
   * app.use((request, response, next) => cluster.unlessFrozen(next));
   * ```
   */
  unlessFrozen<T>(work: () => T, options: { readonly statementTimeoutMs?: number } = {}): T {
    return this.failover.unlessFrozen(work, options.statementTimeoutMs);
  }

  /**
   * What to give to TypeORM as `driver`: a mysql2 look-alike whose connections come from the commonly ranked node that
   * accepts writes, each statement with a deadline. A failed node costs the statement under way; the next connection
   * is another node's. TypeORM's own host, user, password and database options are not used.
   *
   * ```ts
   * new DataSource({ type: 'mysql', driver: cluster.typeormDriver(), database: 'app', entities });
   * ```
   */
  typeormDriver(options: TypeormDriverOptions = {}): MysqlDriver {
    return createTypeormDriver(this.failover, options);
  }

  nodes(): readonly NodeStatus[] {
    // A standstill of this process is seen here too, when this is asked before the clock's timer ran.
    this.nodeSet.clock.now();
    return this.nodeSet.statuses();
  }

  /** True when there has been no node to read for so long that statements fail without waiting for one. */
  get isOut(): boolean {
    return this.nodeSet.isOut('reads');
  }

  /** True just after an outage, for ten seconds at most, while not all nodes are back: writes have a sixth of their time. */
  get isRecovering(): boolean {
    return this.nodeSet.isRecovering;
  }

  /** The name of the node that statements of this key go to now, to be shown; undefined while none can be used. */
  homeOf(key: string): string | undefined {
    return this.nodeSet.home(hashOf(key), 'writes')?.name;
  }

  /** Calls back after each change of a node's state; returns how to stop that. */
  onChange(listener: (nodes: readonly NodeStatus[]) => void): () => void {
    return this.nodeSet.onChange(listener);
  }

  stats(): ClusterStats {
    const { fenced, stalls } = this.nodeSet;
    return { fenced, stalls, ...this.failover.counters };
  }

  /** Ends all connections, TypeORM's too; what still waits fails. Resolves when nothing is left running. */
  close(): Promise<void> {
    return this.nodeSet.close();
  }

  private get nodeSet(): NodeSet {
    return this.failover.nodeSet;
  }
}
