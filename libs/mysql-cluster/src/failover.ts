// The one retry loop of all statements: from node to node, beside a slow one, until one answers or the time is up.
import type { RowDataPacket } from 'mysql2';
import { AsyncLocalStorage } from 'node:async_hooks';
import { Attempts } from './attempts.js';
import type { AttemptDeadline } from './budget.js';
import { Budget } from './budget.js';
import type { NodeConnection } from './connection.js';
import { rowsOf } from './connection.js';
import type { Failure } from './errors.js';
import { ClusterUnavailableError, failureOf, NoConnectionError } from './errors.js';
import type { Access, ClusterNode } from './node.js';
import type { NodePool } from './node-pool.js';
import type { NodeSet } from './node-set.js';
import type { OneTransaction } from './one-transaction.js';
import { keyHashOf } from './rendezvous.js';
import type { Parameter } from './types.js';

/** Milliseconds after which a statement is tried again when nobody says that a node's state has changed. */
const RETRY_PAUSE_MS = 20;

/** What a read, a write and a lease do each in its own way. A callback that returns `undefined` lets the loop go on. */
export interface Strategy<A, R> {
  /**
   * Reads go in rounds: to each node once, and to the next node as soon as one is slow, or stuck if the time is long. A
   * write is tried again on any node that does not run it. It runs beside a slow node only while that node alone is stuck:
   * two nodes that take the same write work against each other.
   */
  readonly access: Access;
  readonly keyHash: number;
  readonly budget: Budget;
  /** @param isBeside whether an earlier attempt still runs */
  attempt(node: ClusterNode, deadline: AttemptDeadline, isBeside: boolean): Promise<A>;
  /** Returns the result if this answer is good. @param tried the nodes of this round */
  answered(node: ClusterNode, answer: A, tried: ReadonlySet<ClusterNode>): R | undefined | Promise<R | undefined>;
  /** Returns true when the node may be tried again before the others. */
  failed?(error: unknown, failure: Failure): Promise<boolean>;
  /** Called at the end of a round, while there is time left: every node has been tried and none runs. */
  exhausted?(): Promise<R | undefined>;
  /** Milliseconds between two rounds, at most. */
  pauseMs?(): number | undefined;
  /** Called when the time is up, or when no node has been there for a while. Throws, or returns what it has. */
  giveUp(cause: unknown): R;
}

/** What the work of `unlessFrozen` brings with it. */
interface Work {
  /** How often this process had been frozen when it began. */
  readonly freezes: number;
  /** Milliseconds of its statements, in place of the usual ones. */
  readonly statementTimeoutMs: number | undefined;
}

/** A connection for one caller, and its node. */
export interface Lease {
  readonly node: ClusterNode;
  readonly connection: NodeConnection;
}

export class Failover {
  /** Count up; see `ClusterStats`. */
  readonly counters = { fallbacks: 0, retries: 0, unknownOutcomes: 0 };
  /** The transaction that the running code belongs to, which may be over already. */
  readonly transactions = new AsyncLocalStorage<OneTransaction>();
  private readonly works = new AsyncLocalStorage<Work>();

  constructor(readonly nodeSet: NodeSet) {}

  /** See `MysqlCluster.unlessFrozen`. */
  unlessFrozen<T>(work: () => T, statementTimeoutMs?: number): T {
    const { clock } = this.nodeSet;
    clock.now();
    const { freezes = clock.freezes, statementTimeoutMs: usual } = this.works.getStore() ?? {};
    // A part is not begun anew after a freeze: nobody waits for the whole.
    return this.works.run({ freezes, statementTimeoutMs: statementTimeoutMs ?? usual }, work);
  }

  /**
   * The time of what only waits: for a connection, for a commit.
   * @throws ClusterUnavailableError when this process was frozen since the work of `unlessFrozen` began
   */
  budget(ms: number, usualMs = ms): Budget {
    const budget = new Budget(this.nodeSet.clock, ms, this.works.getStore()?.freezes, usualMs);
    if (budget.isVoid)
      throw this.unavailable('the process was paused after this request began; the statement was not sent');
    return budget;
  }

  /** The time of a statement or a transaction: what it asks for, what `unlessFrozen` says, or else `usualMs`. */
  statementBudget(usualMs: number, askedMs?: number): Budget {
    if (askedMs !== undefined) return this.budget(askedMs);
    return this.budget(this.works.getStore()?.statementTimeoutMs ?? usualMs, usualMs);
  }

  /** Tries one node after the other until the strategy has a result. Each attempt has ended when this gives up. */
  async run<A, R>(strategy: Strategy<A, R>): Promise<R> {
    const { access, budget, keyHash } = strategy;
    const attempts = new Attempts<A>();
    let tried = new Set<ClusterNode>();
    let cause: unknown;
    for (;;) {
      const node = budget.left > 0 ? this.nodeSet.home(keyHash, access, tried) : undefined;
      if (node) {
        tried.add(node);
        const isBeside = attempts.isRunning;
        attempts.begin(node, async (onSlow) => {
          let isOver = false;
          const hedge = this.hedge(strategy, node, onSlow, () => isOver);
          const deadline = this.deadline(budget, tried, node, hedge);
          try {
            return await this.on(node, strategy.attempt(node, deadline, isBeside));
          } finally {
            isOver = true;
          }
        });
      }
      if (attempts.isRunning) {
        const goesAgain = !node && access === 'writes';
        const ended = await attempts.next(goesAgain ? this.changed(budget) : undefined);
        if (ended && 'value' in ended) {
          const result = await strategy.answered(ended.node, ended.value, tried);
          if (result !== undefined) return result;
        } else if (ended) {
          cause = ended.error;
          const failure = this.failureToRetry(cause);
          if (await strategy.failed?.(cause, failure)) tried.delete(ended.node);
        }
        if (goesAgain) tried = new Set(attempts.nodes);
        continue;
      }
      const result = budget.left > 0 ? await strategy.exhausted?.() : undefined;
      if (result !== undefined) return result;
      if (!(await this.pause(budget, access, strategy.pauseMs?.()))) return strategy.giveUp(cause);
      tried = new Set();
    }
  }

  /** Waits before another round; false when the time is up, or no node has been there for a while. */
  async pause(budget: Budget, access: Access, ms?: number): Promise<boolean> {
    if (budget.left <= 0 || this.nodeSet.isClosed || this.nodeSet.isOut(access)) return false;
    await this.changed(budget, ms);
    return true;
  }

  /** A connection to the home node, or to the next when that gives none. */
  async lease(
    poolOf: (node: ClusterNode) => NodePool,
    timeoutMs: number,
    keyHash: number = keyHashOf(),
  ): Promise<Lease> {
    return this.run<NodeConnection, Lease>({
      access: 'writes',
      keyHash,
      budget: this.budget(timeoutMs),
      attempt: (node, { soft }) => poolOf(node).lease(soft),
      answered: (node, connection) => ({ node, connection }),
      giveUp: (cause) => {
        throw this.unavailable(`no MySQL node gave a connection (limit ${timeoutMs} ms)`, { cause });
      },
    });
  }

  /** The rows of one node, undefined when it fails; a fault of the statement itself is thrown. */
  async ask<T extends RowDataPacket>(
    node: ClusterNode,
    sql: string,
    parameters: readonly Parameter[],
    timeoutMs: number,
  ): Promise<T[] | undefined> {
    const end = this.nodeSet.clock.now() + timeoutMs;
    try {
      return rowsOf<T>(await this.on(node, node.reads.run(sql, parameters, { soft: end, hard: end })));
    } catch (error) {
      this.failureToRetry(error);
      return undefined;
    }
  }

  /** When an attempt on the node ends: sooner if there is a node to turn to that has not been tried. */
  deadline(budget: Budget, tried: ReadonlySet<ClusterNode>, node: ClusterNode, onSlow: () => void): AttemptDeadline {
    const hasAlternative = this.nodeSet.usable.some((other) => !tried.has(other));
    return budget.attempt(hasAlternative, () => {
      this.nodeSet.doubt(node);
      onSlow();
    });
  }

  /**
   * Resolves when the node alone is stuck since that moment, when the time is up, or when what waits for it is over. In a
   * long time other nodes take writes anyway: there only a node that answers nothing is stuck.
   */
  async untilStuck(node: ClusterNode, since: number, budget: Budget, isOver: () => boolean): Promise<void> {
    const { nodeSet } = this;
    const isStuck = () => (budget.isLong ? !nodeSet.hasAnsweredSince(node, since) : nodeSet.isStuck(node, since));
    while (budget.left > 0 && !isOver()) {
      if (isStuck()) return budget.isLong ? undefined : nodeSet.passOverStuck(node);
      if (!budget.isLong) nodeSet.askForAgreement();
      await nodeSet.changed(RETRY_PAUSE_MS);
    }
  }

  unavailable(message: string, options: { cause?: unknown; outcomeUnknown?: boolean } = {}): ClusterUnavailableError {
    if (this.nodeSet.isClosed)
      return new ClusterUnavailableError(
        'the MySQL cluster is closed: no statement is sent after close()',
        [],
        options,
      );
    return new ClusterUnavailableError(message, this.nodeSet.reasons(), options);
  }

  private hedge<A, R>(
    { access, budget }: Strategy<A, R>,
    node: ClusterNode,
    onSlow: () => void,
    isOver: () => boolean,
  ): () => void {
    if (access === 'reads' && !budget.isLong) return onSlow;
    const begun = this.nodeSet.clock.now();
    return () => void this.untilStuck(node, begun, budget, isOver).then(onSlow);
  }

  private changed(budget: Budget, ms = RETRY_PAUSE_MS): Promise<void> {
    return this.nodeSet.changed(Math.min(budget.left, ms));
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

  /** What another attempt may mend; throws what no other attempt can. */
  private failureToRetry(error: unknown): Failure {
    const failure = failureOf(error);
    if (failure === 'statement') throw error;
    if (error instanceof NoConnectionError && error.isOverload)
      throw this.unavailable('too many statements wait for a MySQL connection; this one was not sent', {
        cause: error,
      });
    return failure;
  }
}
