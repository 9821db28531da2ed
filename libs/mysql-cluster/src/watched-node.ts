// One node with its connections and its watch: what the watch finds goes to the rules of `Health`.
import { Agreement } from './agreement.js';
import type { DeadlineClock } from './deadline-clock.js';
import { reasonOf, UnsupportedServerError } from './errors.js';
import { GatheredReads } from './gathered-reads.js';
import { GatheredWrites } from './gathered-writes.js';
import type { Health } from './health.js';
import type { ClusterNode, NodeAddress } from './node.js';
import { NodePool } from './node-pool.js';
import type { NodeSetOptions } from './node-set.js';
import type { NodeReport } from './probe.js';
import { hashOf } from './rendezvous.js';
import { Watch } from './watch.js';

/** What a node tells its cluster. */
export interface NodeEvents {
  /** No connection could be opened. */
  readonly onConnectFailure: (node: ClusterNode, error: unknown) => void;
  /** A look at it has ended. */
  readonly onLook: () => void;
  /** Its group has answered it, or has not. */
  readonly onAgreement: () => void;
}

// Reads see what is committed when they run; a write that waits for a lock gives up soon after we have.
const SETUP =
  "SET SESSION session_track_gtids = 'OWN_GTID', transaction_isolation = 'READ-COMMITTED', " +
  "time_zone = '+00:00', innodb_lock_wait_timeout = 1";

export class WatchedNode implements ClusterNode {
  readonly name: string;
  readonly connection: ClusterNode['connection'];
  readonly reads: NodePool;
  readonly gatheredReads: GatheredReads;
  readonly writes: NodePool;
  readonly gatheredWrites: GatheredWrites;
  readonly watch: Watch;
  readonly agreement: Agreement;
  hash: number;
  uuid: string | undefined;
  /** True while its server is one that can never be a node. */
  isUnsupported = false;
  /** It has to agree with its group after this moment before it is used again. */
  private stuckAt: number | undefined;

  constructor(
    readonly index: number,
    address: NodeAddress,
    private readonly health: Health,
    private readonly clock: DeadlineClock,
    options: NodeSetOptions,
    private readonly events: NodeEvents,
  ) {
    const { connectionsPerNode, queueLimit, readTimeoutMs, writeTimeoutMs, watchIntervalMs } = options;
    this.name = address.name;
    this.connection = address.connection;
    this.hash = hashOf(address.name);
    this.reads = this.newPool(connectionsPerNode, options);
    this.gatheredReads = new GatheredReads(clock, this.reads, queueLimit);
    this.writes = this.newPool(2 * connectionsPerNode, options);
    this.gatheredWrites = new GatheredWrites(clock, this.writes, queueLimit);
    this.agreement = new Agreement(clock, address.connection, 2 * writeTimeoutMs, () => events.onAgreement());
    this.watch = new Watch(clock, {
      connection: address.connection,
      intervalMs: watchIntervalMs,
      connectTimeoutMs: writeTimeoutMs,
      timeoutMs: readTimeoutMs,
      isSettling: () => this.isSettling,
      onReport: (begunAt, at, report) => this.answered(begunAt, at, report),
      onFailure: (begunAt, at, error, unreachable) => this.failed(begunAt, at, error, unreachable),
    });
  }

  /** It answers well, but has not proved yet that it may be used. */
  get isSettling(): boolean {
    const { reachable, fencedSince } = this.health.of(this.index);
    return reachable && fencedSince !== undefined;
  }

  /** See `NodeSet.passOverStuck`. */
  mustAgree(at: number): void {
    this.stuckAt = at;
  }

  /** What has not been sent to it goes elsewhere: it is not to be used now. */
  rejectWaiting(reason: string): void {
    for (const each of [this.reads, this.gatheredReads, this.writes, this.gatheredWrites]) each.rejectWaiting(reason);
  }

  private newPool(limit: number, { queueLimit, writeTimeoutMs }: NodeSetOptions): NodePool {
    return new NodePool(this.clock, {
      connection: this.connection,
      setup: SETUP,
      limit,
      queueLimit,
      connectTimeoutMs: writeTimeoutMs,
      hasAnsweredSince: (moment) => this.health.hasAnsweredSince(this.index, moment),
      onConnectFailure: (error) => this.events.onConnectFailure(this, error),
    });
  }

  private answered(begunAt: number, at: number, report: NodeReport): void {
    this.isUnsupported = false;
    // The identity that all web servers agree on, by whatever name they reach the node.
    if (this.uuid !== report.uuid) {
      this.uuid = report.uuid;
      this.hash = hashOf(report.uuid);
    }
    if (this.stuckAt !== undefined && report.group && !this.agreement.hasAgreedSince(this.stuckAt)) {
      this.agreement.ask();
      this.health.probeFailed(this.index, begunAt, at, 'it does not agree with its group yet', false);
    } else {
      this.stuckAt = undefined;
      this.health.probed(this.index, begunAt, at, report);
    }
    this.events.onLook();
  }

  private failed(begunAt: number, at: number, error: unknown, unreachable: boolean): void {
    this.isUnsupported = error instanceof UnsupportedServerError;
    this.health.probeFailed(this.index, begunAt, at, reasonOf(error), unreachable);
    if (unreachable) {
      this.reads.dropIdle();
      this.writes.dropIdle();
    }
    this.events.onLook();
  }
}
