// One transaction for all that a piece of work does through TypeORM: one connection, shared by its query runners.
import type { Deadline } from './deadline-clock.js';
import type { Budget } from './budget.js';
import {
  ClusterUnavailableError,
  DeadlineError,
  failureOf,
  isOutcomeUnknown,
  reasonOf,
  TransactionError,
} from './errors.js';
import type { Failover, Lease } from './failover.js';
import type { LeasedConnection } from './typeorm-driver.js';

/** A leased connection, and what TypeORM sees of it. */
export interface TypeormLease extends Lease {
  readonly handed: LeasedConnection;
}

/** A transaction of TypeORM inside this one. */
interface Savepoint {
  readonly name: string;
  /** The query runner that began it. */
  readonly owner: LeasedConnection;
  /** Whether another query runner has written since: to roll back to here would undo that too. */
  isShared: boolean;
}

/** mysql2's result: rows or a header, then the fields. */
type Result = readonly unknown[];

const NOTHING: Result = [{ affectedRows: 0 }];
/** The bit of the server's status that says that a transaction is open. */
const IN_TRANSACTION = 1;
/** The table of locks is full: MySQL rolls back the whole transaction. */
const LOCK_TABLE_FULL = 1206;

export class OneTransaction implements Deadline {
  deadline: number;
  private source: (() => Promise<TypeormLease>) | undefined;
  private begun: Promise<TypeormLease> | undefined;
  /** The last statement: they are sent one after the other, each with a deadline of its own. */
  private last: Promise<unknown> = Promise.resolve();
  private savepoints: Savepoint[] = [];
  private names = 0;
  /** Why this can only be rolled back. */
  private ruin: Error | undefined;
  private isOver = false;

  private constructor(
    private readonly failover: Failover,
    private readonly budget: Budget,
  ) {
    this.deadline = failover.nodeSet.clock.now() + budget.ms;
  }

  /** See `MysqlCluster.inOneTransaction`. Within another one it is a part of that. */
  static async run<T>(failover: Failover, work: () => Promise<T>, timeoutMs?: number): Promise<T> {
    const { transactions, nodeSet } = failover;
    const outer = transactions.getStore();
    if (outer?.isRunning) return outer.part(work);
    const transaction = new OneTransaction(failover, failover.statementBudget(nodeSet.writeTimeoutMs, timeoutMs));
    nodeSet.clock.register(transaction);
    try {
      const result = await transactions.run(transaction, work);
      await transaction.inTurn(() => transaction.commit());
      return result;
    } catch (error) {
      throw await transaction.rollBack(error);
    } finally {
      nodeSet.clock.unregister(transaction);
      void transaction.giveBack();
    }
  }

  get isRunning(): boolean {
    return !this.isOver;
  }

  /** A connection for one query runner; `source` is TypeORM's pool. The first one begins the transaction. */
  async connect(source: () => Promise<TypeormLease>): Promise<LeasedConnection> {
    this.check();
    this.source ??= source;
    if (this.source !== source)
      throw new TransactionError('one transaction cannot use two data sources: run the other one outside of it');
    this.begun ??= this.begin(source).catch((error: Error) => {
      this.ruin ??= error;
      throw error;
    });
    const { handed } = await this.begun;
    // Inherits what TypeORM calls besides; `promise()` of mysql2 calls the `query` of what it is called on.
    const shared = Object.create(handed) as LeasedConnection;
    const query = (sql: string | { readonly sql: string }, ...rest: unknown[]) => {
      const callback = rest.pop();
      if (typeof callback !== 'function')
        throw new TransactionError('one transaction cannot stream rows: query them, or stream outside of it');
      void this.inTurn(() => this.statement(shared, sql, rest)).then(
        (result) => (callback as (...result: unknown[]) => void)(null, ...result),
        (error) => (callback as (error: unknown) => void)(error),
      );
    };
    // The connection goes back at the end.
    return Object.assign(shared, { query, release: () => undefined });
  }

  /** Past its time nobody waits for the work. A commit that has begun has a deadline of its own. */
  expire(): void {
    this.deadline = Infinity;
    this.ruin ??= this.unavailable(`the transaction did not end within ${Math.round(this.budget.ms)} ms`);
    // Nothing that speaks against the node.
    const error = new DeadlineError('the transaction has used up its time', 0);
    this.begun?.then(({ connection }) => connection.destroy(error)).catch(() => undefined);
  }

  /** What is rolled back with its part can no longer be told from the rest. */
  private async part<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      this.ruin ??= new TransactionError('a part of the transaction has failed', error);
      throw error;
    }
  }

  /**
   * Until a connection has begun the transaction nothing has happened: one that died while it was idle costs nothing.
   *
   * If this process stands still meanwhile, MySQL itself ends the connection when the time is up, and with it the locks:
   * the next try of the request, elsewhere, waits for them.
   */
  private async begin(source: () => Promise<TypeormLease>): Promise<TypeormLease> {
    for (;;) {
      const lease = await source();
      try {
        await send(lease, `SET SESSION wait_timeout = ${Math.max(1, Math.ceil(this.budget.ms / 1_000))}`);
        await send(lease, 'START TRANSACTION');
        return lease;
      } catch (error) {
        lease.handed.release();
        if (failureOf(error) === 'statement' || this.budget.left <= 0) throw error;
      }
    }
  }

  /** To TypeORM's pool, where connections may be idle for longer. */
  private async giveBack(): Promise<void> {
    const lease = await this.begun?.catch(() => undefined);
    if (!lease) return;
    if (!lease.connection.isGone) await send(lease, 'SET SESSION wait_timeout = DEFAULT').catch(() => undefined);
    lease.handed.release();
  }

  private inTurn<T>(step: () => Promise<T>): Promise<T> {
    const done = this.last.then(step);
    this.last = done.catch(() => undefined);
    return done;
  }

  private async statement(owner: LeasedConnection, sql: string | { readonly sql: string }, rest: unknown[]) {
    const text = typeof sql === 'string' ? sql : sql.sql;
    const [, word] = /^\s*(\w+)/.exec(text) ?? [];
    const command = /^\s*START\s+TRANSACTION\b/i.test(text) ? 'BEGIN' : word?.toUpperCase();
    if (command === 'ROLLBACK') return this.rollBackTo(owner);
    this.check();
    if (command !== 'SELECT') for (const savepoint of this.savepoints) savepoint.isShared ||= savepoint.owner !== owner;
    switch (command) {
      case 'BEGIN':
      case 'SAVEPOINT': {
        const savepoint = { name: `part_${++this.names}`, owner, isShared: false };
        await this.send(`SAVEPOINT ${savepoint.name}`);
        this.savepoints.push(savepoint);
        return NOTHING;
      }
      case 'COMMIT':
      case 'RELEASE': {
        const own = this.innermost(owner);
        this.savepoints = this.savepoints.filter((savepoint) => savepoint !== own);
        return NOTHING;
      }
      default:
        return this.send(sql, rest);
    }
  }

  private async rollBackTo(owner: LeasedConnection): Promise<Result> {
    const savepoint = this.innermost(owner);
    // The whole is rolled back already, or will be.
    if (!savepoint || this.isOver || this.ruin) return NOTHING;
    this.savepoints = this.savepoints.filter((other) => other !== savepoint);
    if (savepoint.isShared)
      throw (this.ruin = new TransactionError(
        'a part of the transaction was rolled back after another part had begun: run them one after the other, or let ' +
          'the error of the first one end the whole',
      ));
    try {
      return await this.send(`ROLLBACK TO SAVEPOINT ${savepoint.name}`);
    } catch (error) {
      throw (this.ruin ??= new TransactionError('a part of the transaction could not be rolled back', error));
    }
  }

  private innermost(owner: LeasedConnection): Savepoint | undefined {
    return this.savepoints.findLast((savepoint) => savepoint.owner === owner);
  }

  /** Sends a statement. What has ended the transaction in MySQL ruins it, or the rest would be committed alone. */
  private async send(sql: string | { readonly sql: string }, rest: unknown[] = []): Promise<Result> {
    try {
      const result = await send(await this.begun!, sql, rest);
      const { serverStatus } = (result[0] ?? {}) as { serverStatus?: number };
      if (serverStatus !== undefined && (serverStatus & IN_TRANSACTION) === 0)
        throw (this.ruin = new TransactionError(
          'a statement has committed the transaction before its end, as those that change tables do: run it outside of it',
        ));
      return result;
    } catch (error) {
      if (failureOf(error) !== 'statement' || (error as { errno?: number }).errno === LOCK_TABLE_FULL)
        this.ruin ??= this.unavailable(`the transaction was rolled back (${reasonOf(error)})`, error);
      throw error;
    }
  }

  private async commit(): Promise<void> {
    this.check();
    if (this.savepoints.length > 0)
      throw new TransactionError('the work has ended before a transaction inside it: await all that it begins');
    this.isOver = true;
    this.deadline = Infinity;
    if (!this.begun) return;
    const lease = await this.begun;
    try {
      await send(lease, 'COMMIT');
    } catch (error) {
      throw this.unavailable(`the transaction's commit failed (${reasonOf(error)})`, error, isOutcomeUnknown(error));
    }
    this.failover.nodeSet.wrote(lease.node);
  }

  /** Returns the error of the whole. */
  private async rollBack(error: unknown): Promise<unknown> {
    this.isOver = true;
    this.deadline = Infinity;
    await this.last;
    const lease = await this.begun?.catch(() => undefined);
    if (lease && !lease.connection.isGone) await lease.connection.rollBack();
    return this.ruin instanceof ClusterUnavailableError ? this.ruin : error;
  }

  private check(): void {
    if (this.isOver)
      throw new TransactionError(
        'the transaction is over, and its connection belongs to others: await all that its work begins, or run what is to ' +
          'outlive it from an earlier AsyncLocalStorage.snapshot()',
      );
    if (this.ruin) throw this.ruin;
  }

  private unavailable(message: string, cause?: unknown, outcomeUnknown = false): ClusterUnavailableError {
    // Where another run may succeed, `retrying` finds the reason as in TypeORM's errors.
    return Object.assign(this.failover.unavailable(message, { cause, outcomeUnknown }), { driverError: cause });
  }
}

/** Sends a statement over what TypeORM sees of the connection, which gives it a deadline. */
function send({ handed }: TypeormLease, sql: string | { readonly sql: string }, rest: unknown[] = []): Promise<Result> {
  return new Promise((resolve, reject) => {
    const settle = (error: Error | null, ...result: unknown[]) => (error ? reject(error) : resolve(result));
    (handed.query as (...parts: unknown[]) => unknown)(sql, ...rest, settle);
  });
}
