// Several MySQL servers as one: statements find their node, survive its failure, and end in time.
import type { ResultSetHeader, RowDataPacket } from 'mysql2';
import { AsyncLocalStorage } from 'node:async_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { Attempts } from './attempts.js';
import type { AttemptDeadline } from './budget.js';
import { Budget } from './budget.js';
import type { NodeConnection, WriteHeader } from './connection.js';
import { rowsOf } from './connection.js';
import { ClusterUnavailableError, DeadlineError, failureOf, isOutcomeUnknown, NoConnectionError } from './errors.js';
import type { ClusterNode } from './node.js';
import type { NodePool } from './node-pool.js';
import { NodeSet } from './node-set.js';
import { hashOf } from './rendezvous.js';
import type { MysqlDriver, TypeormDriverOptions } from './typeorm-driver.js';
import { createTypeormDriver } from './typeorm-driver.js';
import type {
  Cluster,
  ClusterOptions,
  ClusterStats,
  NodeStatus,
  Parameter,
  ReadOptions,
  RetryOptions,
  Transaction,
  TransactionOptions,
  WriteOptions,
  WriteSummary,
} from './types.js';

/** The key of all that has no home of its own (accounts, counters, leases, migrations): one node for all of it. */
const COMMON = hashOf('common');
/** Milliseconds between two rounds of a read whose answer was not acceptable: time for replication. */
const ROUND_PAUSE_MS = 25;
/** Milliseconds after which a statement is tried again when nobody says that a node's state has changed. */
const RETRY_PAUSE_MS = 20;
const RETRY_ATTEMPTS = 6;

/** Counts up; see `ClusterStats`. */
interface Counters {
  fallbacks: number;
  retries: number;
  unknownOutcomes: number;
}

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
  private readonly counters: Counters = { fallbacks: 0, retries: 0, unknownOutcomes: 0 };
  /** How often this process had been frozen when the work of `unlessFrozen` began. */
  private readonly freezesBefore = new AsyncLocalStorage<number>();

  private constructor(private readonly nodeSet: NodeSet) {}

  /**
   * Resolves when at least one node can be used; logs what it waits for. Rejects with `ClusterUnavailableError` after
   * `startTimeoutMs`, or at once when no server is MySQL 8.4 or later; with `TypeError` for a malformed url.
   */
  static async connect(options: ClusterOptions): Promise<MysqlCluster> {
    if (options.urls.length === 0) throw new TypeError('no database URLs: give at least one');
    const log = options.log ?? (() => undefined);
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
      log,
    });
    try {
      await untilUsable(nodes, options.startTimeoutMs ?? 60_000, log);
    } catch (error) {
      await nodes.close();
      throw error;
    }
    return new MysqlCluster(nodes);
  }

  async read<T extends RowDataPacket>(
    sql: string,
    parameters: readonly Parameter[],
    options: ReadOptions<T> = {},
  ): Promise<T[]> {
    const { nodeSet } = this;
    const { key, acceptable, rounds = 1 } = options;
    const budget = this.budget(nodeSet.options.readTimeoutMs);
    const keyHash = key === undefined ? COMMON : hashOf(key);
    const attempts = new Attempts<T[]>();
    let asked = new Set<ClusterNode>();
    let rows: T[] | undefined;
    let cause: unknown;
    for (let round = 1; ;) {
      const node = budget.left > 0 ? nodeSet.readHome(keyHash, asked) : undefined;
      if (node) {
        asked.add(node);
        attempts.begin(node, async (onSlow) => {
          const deadline = this.attempt(budget, asked, node, onSlow);
          return rowsOf<T>(await this.on(node, node.reads.run(sql, parameters, deadline)));
        });
      }
      if (attempts.isRunning) {
        const ended = await attempts.next();
        if (!ended) continue;
        if ('error' in ended) {
          this.judge(ended.error);
          cause = ended.error;
        } else {
          rows = ended.value;
          if (!acceptable || acceptable(rows)) {
            if (ended.node !== nodeSet.readHome(keyHash)) this.counters.fallbacks++;
            return rows;
          }
        }
        continue;
      }

      if (rows && acceptable && budget.left > 0) {
        // The healthy have answered, with less than the reader has seen: one that is passed over may have the row.
        const soon = Math.min(budget.left, 2 * ROUND_PAUSE_MS);
        const spares = nodeSet.passedOver().map((spare) => this.ask<T>(spare, sql, parameters, soon));
        const found = (await Promise.all(spares)).find((each) => each && acceptable(each));
        if (found) {
          this.counters.fallbacks++;
          return found;
        }
        if (round >= rounds) return rows;
        round++;
      }
      const { left } = budget;
      if (left <= 0 || nodeSet.isClosed || nodeSet.isOut(nodeSet.readable)) {
        if (rows) return rows;
        throw this.unavailable(`no MySQL node answered the read (limit ${nodeSet.options.readTimeoutMs} ms)`, {
          cause,
        });
      }
      await nodeSet.changed(Math.min(left, rows ? ROUND_PAUSE_MS : RETRY_PAUSE_MS));
      asked = new Set();
    }
  }

  async write(sql: string, parameters: readonly Parameter[], options: WriteOptions = {}): Promise<WriteSummary> {
    const { nodeSet } = this;
    const budget = this.budget(nodeSet.writeTimeoutMs);
    const keyHash = options.key === undefined ? COMMON : hashOf(options.key);
    const attempts = new Attempts<WriteHeader>();
    let tried = new Set<ClusterNode>();
    let repeated = false;
    let cause: unknown;
    for (let attempt = 1; ; attempt++) {
      const node = nodeSet.home(keyHash, tried);
      if (node) {
        tried.add(node);
        // Beside one that is slow: both may take effect.
        if (attempts.isRunning) repeated = true;
        const begun = nodeSet.clock.now();
        attempts.begin(node, async (onSlow) => {
          const slow = () => void this.untilStuck(node, begun, budget).then(onSlow);
          const deadline = this.attempt(budget, tried, node, slow);
          return (await this.on(node, node.writes.run(sql, parameters, deadline))) as WriteHeader;
        });
      }
      const ended = await attempts.next(node ? undefined : nodeSet.changed(Math.min(budget.left, RETRY_PAUSE_MS)));
      if (ended && 'value' in ended) {
        nodeSet.wrote(ended.node);
        if (tried.size > 1) this.counters.fallbacks++;
        if (!options.everywhere || (await this.awaitEverywhere(ended.node, ended.value)))
          return { affectedRows: ended.value.affectedRows, repeated };
        this.counters.retries++;
        repeated = true;
      }
      if (ended && 'error' in ended) {
        const failure = this.judge(ended.error);
        cause = ended.error;
        if (isOutcomeUnknown(ended.error)) {
          if (failure === 'lost') this.counters.unknownOutcomes++;
          repeated = true;
        }
        this.counters.retries++;
        // The winner of a conflict is on its way to this node too: let it arrive.
        if (failure === 'conflict') {
          tried.delete(ended.node);
          await sleep(jitter(attempt));
        }
      }
      const isOut = !attempts.isRunning && nodeSet.isOut(nodeSet.usable);
      if (budget.left <= 0 || nodeSet.isClosed || isOut)
        throw this.unavailable(`no MySQL node completed the write (limit ${nodeSet.writeTimeoutMs} ms)`, {
          cause,
          outcomeUnknown: repeated,
        });
      if (!node) tried = new Set(attempts.nodes);
    }
  }

  async readAll<T extends RowDataPacket>(sql: string, parameters: readonly Parameter[]): Promise<T[][]> {
    const { nodeSet } = this;
    const budget = this.budget(nodeSet.options.readTimeoutMs);
    for (;;) {
      const answers = await Promise.all(
        nodeSet.readable.map((node) => this.ask<T>(node, sql, parameters, budget.left)),
      );
      const answered = answers.filter((rows) => rows !== undefined);
      if (answered.length > 0) return answered;
      const { left } = budget;
      if (left <= 0 || nodeSet.isClosed || nodeSet.isOut(nodeSet.readable))
        throw this.unavailable(`no MySQL node answered the read (limit ${nodeSet.options.readTimeoutMs} ms)`);
      await nodeSet.changed(Math.min(left, RETRY_PAUSE_MS));
    }
  }

  /**
   * Runs `fn` again when it fails by a conflict (1205, 1213, 1180, 3101) or because its node was lost or does not
   * accept writes now; other errors, and the last one when attempts or time are used up, are passed on. For what goes
   * through TypeORM, for example. `fn` must be repeatable: an earlier run may have taken effect.
   */
  async retrying<T>(fn: (attempt: number) => Promise<T>, options: RetryOptions = {}): Promise<T> {
    const budget = this.budget(options.timeoutMs ?? this.nodeSet.writeTimeoutMs);
    for (let attempt = 1; ; attempt++) {
      try {
        return await fn(attempt);
      } catch (error) {
        const wait = jitter(attempt);
        const again = failureOf(error) !== 'statement' && attempt < (options.attempts ?? RETRY_ATTEMPTS);
        if (!again || budget.left <= wait || this.nodeSet.isClosed) throw error;
        this.counters.retries++;
        await sleep(wait);
      }
    }
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
    const { nodeSet } = this;
    const budget = this.budget(options.timeoutMs ?? nodeSet.writeTimeoutMs);
    const keyHash = options.key === undefined ? COMMON : hashOf(options.key);
    return this.retrying(async () => {
      const { node, connection } = await this.lease(({ writes }) => writes, budget.left, keyHash);
      const begun = nodeSet.clock.now();
      let isOver = false;
      let watching: Promise<void> | undefined;
      // Waits with its group, but not for a node that alone stands still: then it is run again on another one.
      const slow = () => {
        watching ??= this.untilStuck(node, begun, budget).then(() => {
          if (!isOver) connection.destroy(new DeadlineError('the transaction', nodeSet.clock.now() - begun));
        });
      };
      const deadline = this.attempt(budget, new Set([node]), node, slow);
      let result: T;
      let committed: WriteHeader;
      try {
        await connection.query('START TRANSACTION', deadline);
        result = await fn({
          read: async <R extends RowDataPacket>(sql: string, parameters: readonly Parameter[] = []) =>
            rowsOf<R>(await connection.execute(sql, parameters, deadline)),
          write: async (sql, parameters = []) => {
            const { affectedRows, insertId } = (await connection.execute(sql, parameters, deadline)) as ResultSetHeader;
            return { affectedRows, insertId };
          },
        });
        committed = (await connection.query('COMMIT', deadline)) as WriteHeader;
        nodeSet.wrote(node);
      } catch (error) {
        nodeSet.failed(node, error);
        // The time for the work may be over; a connection that cannot roll back now is destroyed, which rolls back.
        await connection.query('ROLLBACK', nodeSet.clock.now() + ROUND_PAUSE_MS).catch(() => connection.destroy());
        throw error;
      } finally {
        isOver = true;
        node.writes.release(connection);
      }
      if (options.everywhere && !(await this.awaitEverywhere(node, committed)))
        throw new DeadlineError('reading the executed transactions after a commit', nodeSet.clock.now() - begun);
      return result;
    }, options);
  }

  /**
   * Does the work, such as a request's, as long as this process is not frozen meanwhile. When it is, each statement that the
   * work begins afterwards fails with `ClusterUnavailableError` and is not sent, TypeORM's too: whoever waited for it has gone
   * elsewhere, and must not find there what comes late from here. That holds for all that the work calls or starts: what is to
   * outlive it (a queue, a timer of its own) is to be run from an `AsyncLocalStorage.snapshot()` of before.
   *
   * ```ts
   * app.use((request, response, next) => cluster.unlessFrozen(next));
   * ```
   */
  unlessFrozen<T>(work: () => T): T {
    const { clock } = this.nodeSet;
    clock.now();
    return this.freezesBefore.run(clock.freezes, work);
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
    return createTypeormDriver(this.nodeSet, (poolOf, timeoutMs) => this.lease(poolOf, timeoutMs), options);
  }

  nodes(): readonly NodeStatus[] {
    // A standstill of this process is seen here too, when this is asked before the clock's timer ran.
    this.nodeSet.clock.now();
    return this.nodeSet.statuses();
  }

  /** True when there has been no node to read for so long that statements fail without waiting for one. */
  get isOut(): boolean {
    return this.nodeSet.isOut(this.nodeSet.readable);
  }

  /** True just after an outage, for ten seconds at most, while not all nodes are back: writes have a sixth of their time. */
  get isRecovering(): boolean {
    return this.nodeSet.isRecovering;
  }

  /** The name of the node that statements of this key go to now, to be shown; undefined while none can be used. */
  homeOf(key: string): string | undefined {
    return this.nodeSet.home(hashOf(key))?.name;
  }

  /** Calls back after each change of a node's state; returns how to stop that. */
  onChange(listener: (nodes: readonly NodeStatus[]) => void): () => void {
    return this.nodeSet.onChange(listener);
  }

  stats(): ClusterStats {
    const { fenced, stalls } = this.nodeSet;
    return { fenced, stalls, ...this.counters };
  }

  /** Ends all connections, TypeORM's too; what still waits fails. Resolves when nothing is left running. */
  close(): Promise<void> {
    return this.nodeSet.close();
  }

  /** For one statement or more. @throws ClusterUnavailableError when it is a part of what was frozen */
  private budget(ms: number): Budget {
    const budget = new Budget(this.nodeSet.clock, ms, this.freezesBefore.getStore());
    if (budget.isVoid)
      throw this.unavailable('the process was paused after this request began; the statement was not sent');
    return budget;
  }

  /** A connection to the home node, or to the next when that gives none. */
  private async lease(
    poolOf: (node: ClusterNode) => NodePool,
    timeoutMs: number,
    keyHash: number = COMMON,
  ): Promise<Lease> {
    const { nodeSet } = this;
    const budget = this.budget(timeoutMs);
    const asked = new Set<ClusterNode>();
    let cause: unknown;
    for (;;) {
      const node = nodeSet.home(keyHash, asked);
      if (node && budget.left > 0) {
        asked.add(node);
        try {
          const { soft } = this.attempt(budget, asked, node);
          return { node, connection: await this.on(node, poolOf(node).lease(soft)) };
        } catch (error) {
          this.judge(error);
          cause = error;
        }
        continue;
      }
      const { left } = budget;
      if (left <= 0 || nodeSet.isClosed || nodeSet.isOut(nodeSet.usable))
        throw this.unavailable(`no MySQL node gave a connection (limit ${timeoutMs} ms)`, { cause });
      await nodeSet.changed(Math.min(left, RETRY_PAUSE_MS));
      asked.clear();
    }
  }

  /** The rows of one node, undefined when it fails; a fault of the statement itself is thrown. */
  private async ask<T extends RowDataPacket>(
    node: ClusterNode,
    sql: string,
    parameters: readonly Parameter[],
    timeoutMs: number,
  ): Promise<T[] | undefined> {
    const end = this.nodeSet.clock.now() + timeoutMs;
    try {
      return rowsOf<T>(await this.on(node, node.reads.run(sql, parameters, { soft: end, hard: end })));
    } catch (error) {
      this.judge(error);
      return undefined;
    }
  }

  private attempt(
    budget: Budget,
    asked: ReadonlySet<ClusterNode>,
    node: ClusterNode,
    onSlow?: () => void,
  ): AttemptDeadline {
    const { nodeSet } = this;
    const doubt = () => {
      nodeSet.doubt(node);
      onSlow!();
    };
    return budget.attempt(
      nodeSet.usable.some((other) => !asked.has(other)),
      onSlow && doubt,
    );
  }

  /** Two nodes that take the same write work against each other, so the second is asked only when that can help. */
  private async untilStuck(node: ClusterNode, since: number, budget: Budget): Promise<void> {
    while (budget.left > 0 && !this.nodeSet.isStuck(node, since)) await this.nodeSet.changed(RETRY_PAUSE_MS);
  }

  /** What is done on a node speaks against it when it fails, also when nobody waits for it any more. */
  private async on<T>(node: ClusterNode, work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (error) {
      this.nodeSet.failed(node, error);
      throw error;
    }
  }

  /** Throws what another node would not do better. */
  private judge(error: unknown) {
    const failure = failureOf(error);
    if (failure === 'statement') throw error;
    if (error instanceof NoConnectionError && error.isOverload)
      throw this.unavailable('too many statements wait for a MySQL connection; this one was not sent', {
        cause: error,
      });
    return failure;
  }

  /**
   * Waits until every other healthy node has applied what this one has; fences those that do not say in time that they
   * have. False when the node itself does not say what that is.
   */
  private async awaitEverywhere(written: ClusterNode, header: WriteHeader): Promise<boolean> {
    const { nodeSet } = this;
    const { maxLagMs, urls } = nodeSet.options;
    if (urls.length === 1) return true;
    let gtids = header.stateChanges?.gtids?.join(',');
    if (gtids === undefined) {
      // It changed nothing, perhaps because another had just done the same: wait for all that this node has.
      const rows = await this.ask<GtidRow>(written, 'SELECT @@global.gtid_executed AS gtids', [], maxLagMs);
      gtids = rows?.[0]?.gtids;
    }
    if (gtids === undefined) return false;
    if (gtids === '') return true;
    // Those that come back while we wait, or later, must have it by themselves.
    nodeSet.executed(written, gtids);
    const others = nodeSet.usable.filter((node) => node !== written);
    const parameters = [gtids, maxLagMs / 1000];
    await Promise.all(
      others.map(async (node) => {
        // A little more than MySQL waits itself, so that it can say that it was too slow.
        const rows = await this.ask<AppliedRow>(node, WAIT_APPLIED, parameters, maxLagMs * 1.2);
        if (Number(rows?.[0]?.timedOut) !== 0)
          nodeSet.passOver(node, `it did not confirm within ${maxLagMs} ms that it has applied a write`);
      }),
    );
    return true;
  }

  private unavailable(message: string, options: { cause?: unknown; outcomeUnknown?: boolean } = {}) {
    if (this.nodeSet.isClosed)
      return new ClusterUnavailableError(
        'the MySQL cluster is closed: no statement is sent after close()',
        [],
        options,
      );
    return new ClusterUnavailableError(message, this.nodeSet.reasons(), options);
  }
}

/** A connection for one caller, and whose it is. */
export interface Lease {
  readonly node: ClusterNode;
  readonly connection: NodeConnection;
}

interface GtidRow extends RowDataPacket {
  readonly gtids: string;
}
interface AppliedRow extends RowDataPacket {
  readonly timedOut: number;
}
const WAIT_APPLIED = 'SELECT WAIT_FOR_EXECUTED_GTID_SET(?, ?) AS timedOut';

/** Milliseconds before the next attempt: longer each time, and different for everybody. */
function jitter(attempt: number): number {
  return Math.random() * Math.min(50, 4 * 2 ** attempt);
}

async function untilUsable(nodes: NodeSet, timeoutMs: number, log: NonNullable<ClusterOptions['log']>): Promise<void> {
  const { clock } = nodes;
  const until = clock.now() + timeoutMs;
  /** Milliseconds that the other nodes get to come into use too, so that the first requests find their homes. */
  const GATHER_MS = 1000;
  const LOG_EVERY_MS = 2000;
  let usableSince: number | undefined;
  let loggedAt = clock.now() - LOG_EVERY_MS / 2;
  for (;;) {
    const now = clock.now();
    if (nodes.usable.length > 0) {
      usableSince ??= now;
      if (nodes.isSettled || now - usableSince > GATHER_MS) return;
    } else {
      usableSince = undefined;
      if (nodes.isHopeless) throw new ClusterUnavailableError('none of the MySQL servers can be used', nodes.reasons());
      if (now >= until)
        throw new ClusterUnavailableError(
          `timed out after ${timeoutMs / 1000} s waiting for a usable MySQL node`,
          nodes.reasons(),
        );
      if (now - loggedAt >= LOG_EVERY_MS) {
        loggedAt = now;
        for (const reason of nodes.reasons()) log('info', `waiting for MySQL at ${reason}`);
      }
    }
    await nodes.changed(RETRY_PAUSE_MS);
  }
}
