// The connections to one node: bounded in number, and so is the queue for them and the time spent in it.
import type { ConnectionOptions } from 'mysql2';
import type { AttemptDeadline } from './budget.js';
import type { StatementResult } from './connection.js';
import { NodeConnection } from './connection.js';
import type { Deadline, DeadlineClock } from './deadline-clock.js';
import { DeadlineError, failureOf, NoConnectionError, reasonOf } from './errors.js';
import type { NextStatement } from './gathering.js';
import type { Parameter } from './types.js';

export interface NodePoolOptions {
  readonly connection: ConnectionOptions;
  /** Run once on each new connection. */
  readonly setup: string;
  /** Connections at most. */
  readonly limit: number;
  /** How many may wait for a connection at most; more are refused at once. */
  readonly queueLimit: number;
  /** Milliseconds that opening a connection may take. */
  readonly connectTimeoutMs: number;
  /** Tells whether the node has answered something that it was asked after this moment. */
  readonly hasAnsweredSince: (moment: number) => boolean;
  /** Told when a connection could not be opened. */
  readonly onConnectFailure: (error: unknown) => void;
}

interface Waiter extends Deadline {
  resolve(connection: NodeConnection): void;
  reject(error: Error): void;
}

export class NodePool {
  /** The one used last is used first, so that the others may rest. */
  private readonly idle: NodeConnection[] = [];
  private readonly open = new Set<NodeConnection>();
  /** First come, first served: sets keep the order. */
  private readonly waiting = new Set<Waiter>();
  private opening = 0;
  private closed = false;

  constructor(
    private readonly clock: DeadlineClock,
    private readonly options: NodePoolOptions,
  ) {}

  /** Runs one prepared statement. Rejects with `NoConnectionError` when nothing was sent. */
  async run(sql: string, parameters: readonly Parameter[], deadline: AttemptDeadline): Promise<StatementResult> {
    const connection = this.idle.pop() ?? (await this.lease(deadline.soft));
    try {
      return await connection.execute(sql, parameters, deadline);
    } finally {
      this.release(connection);
    }
  }

  /** The same for a statement that is chosen when there is a connection for it, by `until`; none if nothing is left to send. */
  async runNext(next: () => NextStatement | undefined, until: number): Promise<StatementResult | undefined> {
    const connection = this.idle.pop() ?? (await this.lease(until));
    try {
      const statement = next();
      return statement && (await connection.execute(statement.sql, statement.parameters, statement.end));
    } finally {
      this.release(connection);
    }
  }

  /** Tells whether the node has answered something that it was asked after this moment. */
  hasAnsweredSince(moment: number): boolean {
    return this.options.hasAnsweredSince(moment);
  }

  /** A connection for the caller alone, until `release`. Rejects with `NoConnectionError`. */
  lease(deadline: number): Promise<NodeConnection> {
    const idle = this.idle.pop();
    if (idle) return Promise.resolve(idle);
    if (this.closed) return Promise.reject(new NoConnectionError('the connection pool is closed', false));
    if (this.waiting.size >= this.options.queueLimit)
      return Promise.reject(
        new NoConnectionError(`the queue for a connection is full: ${this.waiting.size} statements wait`, true),
      );
    return new Promise((resolve, reject) => {
      const leave = () => {
        this.waiting.delete(waiter);
        this.clock.unregister(waiter);
      };
      const waiter: Waiter = {
        deadline,
        expire: () => waiter.reject(new NoConnectionError('all connections stayed in use until the deadline', false)),
        abandon: () =>
          waiter.reject(new NoConnectionError('the process was paused; the statement was not sent', false)),
        resolve: (connection) => {
          leave();
          resolve(connection);
        },
        reject: (error) => {
          leave();
          reject(error);
        },
      };
      this.waiting.add(waiter);
      this.clock.register(waiter);
      this.openMore();
    });
  }

  /** Gives a leased connection back; a destroyed one may be given back too. */
  release(connection: NodeConnection): void {
    if (connection.isGone) return;
    if (this.closed) return connection.destroy();
    const [next] = this.waiting;
    if (next) next.resolve(connection);
    else this.idle.push(connection);
  }

  /** Rejects all that wait for a connection: the node is not to be used now. */
  rejectWaiting(reason: string): void {
    for (const waiter of [...this.waiting]) waiter.reject(new NoConnectionError(reason, false));
  }

  /** Ends the connections that nobody uses: the server behind them is gone. */
  dropIdle(): void {
    for (const connection of [...this.idle]) connection.destroy();
  }

  /** Ends every connection, politely where it is idle; resolves when all are closed. */
  async close(deadline: number): Promise<void> {
    this.closed = true;
    this.rejectWaiting('the connection pool is closed');
    const idle = new Set(this.idle.splice(0));
    for (const connection of this.open) if (!idle.has(connection)) connection.destroy();
    await Promise.all([...idle].map((connection) => connection.end(deadline)));
  }

  private openMore(): void {
    const { limit } = this.options;
    while (!this.closed && this.opening < this.waiting.size && this.open.size + this.opening < limit) {
      this.opening++;
      void this.openOne();
    }
  }

  private async openOne(): Promise<void> {
    const { connection: options, setup, connectTimeoutMs } = this.options;
    try {
      const connection = await NodeConnection.open(options, setup, this.clock, this.clock.now() + connectTimeoutMs);
      this.opening--;
      this.open.add(connection);
      connection.onGone = () => this.forget(connection);
      connection.hasAnsweredSince = this.options.hasAnsweredSince;
      // Also between the statements of a transaction: MySQL rolls it back.
      connection.abandon = () =>
        connection.destroy(
          new DeadlineError('the process was paused while a statement or transaction ran; its outcome is unknown', 0),
        );
      this.release(connection);
    } catch (error) {
      this.opening--;
      // Too many connections on the node: those that are open go round among the waiting.
      if (this.closed || (failureOf(error) === 'refused' && this.open.size > 0)) return;
      for (const waiter of [...this.waiting])
        waiter.reject(new NoConnectionError(reasonOf(error), false, { cause: error }));
      this.options.onConnectFailure(error);
    }
  }

  private forget(connection: NodeConnection): void {
    this.open.delete(connection);
    const at = this.idle.indexOf(connection);
    if (at >= 0) this.idle.splice(at, 1);
    this.openMore();
  }
}
