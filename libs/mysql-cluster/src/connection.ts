// One connection to one node: a prepared statement at a time, and a deadline that destroys the connection.
import type { Connection, ConnectionOptions, ResultSetHeader, RowDataPacket } from 'mysql2';
import { createConnection } from 'mysql2';
import type { Duplex } from 'node:stream';
import type { AttemptDeadline } from './budget.js';
import type { Deadline, DeadlineClock } from './deadline-clock.js';
import { DeadlineError, failureOf, NoConnectionError } from './errors.js';
import type { Parameter } from './types.js';

/** What MySQL answers to one statement: rows, or the header of a write with the GTIDs that it made. */
export type StatementResult = RowDataPacket[] | WriteHeader;

/** mysql2's header with what its typings leave out. */
export interface WriteHeader extends ResultSetHeader {
  readonly stateChanges?: { readonly gtids?: readonly string[] };
}

/** The rows of a SELECT. */
export function rowsOf<T extends RowDataPacket>(result: StatementResult): T[] {
  return result as T[];
}

function goneError(): Error {
  return new NoConnectionError('the connection to MySQL is closed; the statement was not sent', false);
}

/** How mysql2 hands a prepared statement out; its typings know the parameters only as `any`. */
interface PreparedStatement {
  execute(parameters: readonly Parameter[], callback: StatementCallback): void;
}
type StatementCallback = (error: Error | null, result: StatementResult) => void;

const PREPARED_STATEMENTS = 200;
/** Milliseconds that a connection has to roll back, when the time for the work may be over. */
const ROLLBACK_MS = 25;

/**
 * A mysql2 connection with a deadline on all it does. mysql2's own timeout stops waiting but leaves the statement
 * running and the connection in use, and its `destroy` half-closes the socket, which a frozen server never notices;
 * here the socket is destroyed, and mysql2 reports the error to whatever waits.
 */
export class NodeConnection implements Deadline {
  deadline = Infinity;
  private statements = new Map<string, PreparedStatement>();
  private what = '';
  private armedAt = 0;
  private hard = Infinity;
  private onSlow: (() => void) | undefined;
  private gone = false;

  private constructor(
    /** mysql2's connection, for TypeORM. */
    readonly raw: Connection,
    private readonly clock: DeadlineClock,
  ) {}

  /** Connects and runs `setup`; both together end by `deadline` (in the clock's time). */
  static async open(
    options: ConnectionOptions,
    setup: string,
    clock: DeadlineClock,
    deadline: number,
  ): Promise<NodeConnection> {
    const connection = new NodeConnection(createConnection({ ...options, connectTimeout: 0 }), clock);
    const { raw } = connection;
    connection.arm('connecting', deadline);
    clock.register(connection);
    // Errors reach whoever waits for a statement; without this listener one on an idle connection ends the process.
    raw.on('error', () => connection.markGone());
    raw.on('end', () => connection.markGone());
    try {
      await new Promise<void>((resolve, reject) => raw.connect((error) => (error ? reject(error) : resolve())));
      connection.socket.once('close', () => connection.markGone());
      if (setup !== '')
        await new Promise<void>((resolve, reject) => raw.query(setup, (error) => (error ? reject(error) : resolve())));
    } catch (error) {
      connection.destroy();
      throw error;
    }
    connection.deadline = Infinity;
    return connection;
  }

  /** True when it can take no further statement. */
  get isGone(): boolean {
    return this.gone;
  }

  /** Called when the connection is gone, for whatever reason. */
  onGone: () => void = () => undefined;

  /** Tells whether the node has answered something that it was asked after this moment. */
  hasAnsweredSince: (moment: number) => boolean = () => false;

  /** See `Deadline`: by default it outlives a standstill of this process, as what looks at the node does. */
  abandon: () => void = () => undefined;

  /** Runs a prepared statement; past its deadline it rejects with `DeadlineError` and the connection is destroyed. */
  execute(sql: string, parameters: readonly Parameter[], deadline: number | AttemptDeadline): Promise<StatementResult> {
    return new Promise((resolve, reject) => {
      this.arm(sql, deadline);
      const done = this.settle(resolve, reject);
      if (this.gone) return done(goneError(), []);
      const known = this.statements.get(sql);
      if (known) known.execute(parameters, done);
      else
        this.raw.prepare(sql, (error, prepared) => {
          if (error) return done(error, []);
          // A standstill is noticed by whoever asks the clock first.
          this.clock.now();
          if (this.gone) return done(goneError(), []);
          this.remember(sql, prepared);
          (prepared as PreparedStatement).execute(parameters, done);
        });
    });
  }

  /** Runs a plain statement, for what cannot be prepared; the deadline is as in `execute`. */
  query(sql: string, deadline: number | AttemptDeadline): Promise<StatementResult> {
    return new Promise((resolve, reject) => {
      this.arm(sql, deadline);
      const done = this.settle(resolve, reject);
      if (this.gone) return done(goneError(), []);
      this.raw.query(sql, done);
    });
  }

  /** Rolls the transaction back; a connection that cannot do so now is destroyed, which rolls back. Never rejects. */
  async rollBack(): Promise<void> {
    await this.query('ROLLBACK', this.clock.now() + ROLLBACK_MS).catch(() => this.destroy());
  }

  /** From now on until `deadline` an answer is awaited; for statements that others send over `raw`. */
  arm(what: string, deadline: number | AttemptDeadline): void {
    this.what = what;
    this.armedAt = this.clock.now();
    if (typeof deadline === 'number') {
      this.deadline = this.hard = deadline;
      this.onSlow = undefined;
    } else {
      this.deadline = deadline.soft;
      this.hard = deadline.hard;
      this.onSlow = deadline.onSlow;
    }
  }

  expire(): void {
    if (this.deadline < this.hard) {
      const { onSlow } = this;
      // The node lives: the statement waits for a lock, or the whole group for a member. Elsewhere it would wait too.
      if (onSlow || this.hasAnsweredSince(this.armedAt)) {
        this.deadline = this.hard;
        onSlow?.();
        return;
      }
    }
    this.destroy(new DeadlineError(this.what, this.clock.now() - this.armedAt));
  }

  /** Ends it at once; whatever waits for an answer gets the error. */
  destroy(error?: Error): void {
    this.markGone();
    this.socket.destroy(error);
  }

  /** Says goodbye to the server and closes; what still runs is finished first, by `deadline` at the latest. */
  end(deadline: number): Promise<void> {
    if (this.gone) return Promise.resolve();
    return new Promise((resolve) => {
      this.socket.once('close', () => resolve());
      this.arm('closing the connection', deadline);
      this.raw.end();
    });
  }

  private settle(resolve: (result: StatementResult) => void, reject: (error: Error) => void): StatementCallback {
    return (error, result) => {
      this.deadline = Infinity;
      if (!error) return resolve(result);
      // mysql2 reports the error before it closes: nobody may be handed this connection in between.
      if (failureOf(error) === 'lost') this.destroy();
      reject(error);
    };
  }

  private remember(sql: string, statement: PreparedStatement): void {
    if (this.statements.size >= PREPARED_STATEMENTS) {
      const [oldest] = this.statements.keys();
      if (oldest !== undefined) {
        this.statements.delete(oldest);
        this.raw.unprepare(oldest);
      }
    }
    this.statements.set(sql, statement);
  }

  private markGone(): void {
    if (this.gone) return;
    this.gone = true;
    this.deadline = Infinity;
    this.clock.unregister(this);
    this.onGone();
  }

  private get socket(): Duplex {
    return (this.raw as unknown as { stream: Duplex }).stream;
  }
}
