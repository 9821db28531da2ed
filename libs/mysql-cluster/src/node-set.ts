// The nodes of a cluster together: which may be used now, and what happens to one that fails.
import { DeadlineClock, pause } from './deadline-clock.js';
import { DeadlineError, failureOf, NoConnectionError, reasonOf } from './errors.js';
import { GtidSet } from './gtid.js';
import { Health } from './health.js';
import type { Access, ClusterNode } from './node.js';
import { parseUrl } from './node.js';
import { Outage } from './outage.js';
import { highestRanked } from './rendezvous.js';
import { Stuck } from './stuck.js';
import type { ClusterOptions, NodeStatus } from './types.js';
import type { NodeEvents } from './watched-node.js';
import { WatchedNode } from './watched-node.js';

/** The options with every default filled in. */
export type NodeSetOptions = Required<Omit<ClusterOptions, 'startTimeoutMs' | 'ca'>> & Pick<ClusterOptions, 'ca'>;

export class NodeSet {
  readonly clock: DeadlineClock;
  /** The nodes that take statements now. */
  usable: readonly ClusterNode[] = [];
  /** The nodes that may be read: the usable ones, or those that take no writes while there are none. */
  readable: readonly ClusterNode[] = [];
  /** How often a node was passed over. */
  fenced = 0;
  /** How often this process stood still so long that it had to look at all nodes anew. */
  stalls = 0;

  private readonly health: Health;
  private readonly members: readonly WatchedNode[];
  private readonly outage: Outage;
  private readonly stuck: Stuck;
  private readonly listeners = new Set<(nodes: readonly NodeStatus[]) => void>();
  private readonly wakeUps = new Set<() => void>();
  private known: readonly NodeStatus[] = [];
  private closed = false;
  private closing: Promise<void> | undefined;

  constructor(readonly options: NodeSetOptions) {
    const addresses = options.urls.map((url, index) => parseUrl(url, index, options.ca));
    this.health = new Health(addresses.length, options.maxLagMs);
    this.outage = new Outage(options.readTimeoutMs);
    this.clock = new DeadlineClock(options.maxLagMs, (ms) => this.stalled(ms), options.frozenMs);
    const events: NodeEvents = {
      onConnectFailure: (node, error) => this.passOver(node, reasonOf(error)),
      onLook: () => this.refresh(),
      onAgreement: () => this.wake(),
    };
    this.members = addresses.map(
      (address, index) => new WatchedNode(index, address, this.health, this.clock, options, events),
    );
    this.stuck = new Stuck(this.clock, this.health, this.members, options);
    this.known = this.statuses();
  }

  /** The home of a key, given by its hash, among the nodes that give this access and are not in `except`. */
  home(keyHash: number, access: Access, except?: ReadonlySet<ClusterNode>): ClusterNode | undefined {
    return highestRanked(access === 'reads' ? this.readable : this.usable, keyHash, except);
  }

  /** True when there has been no node for a while: a statement need not wait for one any more, it fails at once. */
  isOut(access: Access): boolean {
    const areDown = this.known.every(({ state }) => state === 'down');
    return this.outage.isOut(this.clock.now(), access, areDown);
  }

  /**
   * True just after an outage, while the nodes come back one after the other. A node that joins its group holds up all
   * writes, and just then all clients repeat the requests that the outage failed.
   */
  get isRecovering(): boolean {
    return this.outage.isRecovering(this.clock.now()) && this.known.some(({ state }) => state !== 'online');
  }

  /** Milliseconds that a write may take in all: less while nodes recover, so that it is soon told to come again. */
  get writeTimeoutMs(): number {
    return this.options.writeTimeoutMs / (this.isRecovering ? 6 : 1);
  }

  /** Nodes that answer and accept writes, but are passed over: their rows may be good, to be judged by the reader. */
  passedOver(): readonly ClusterNode[] {
    return this.members.filter(({ index }) => {
      const { reachable, fencedSince, report } = this.health.of(index);
      return reachable && fencedSince !== undefined && report?.writable;
    });
  }

  /** A statement on the node failed with this error: pass over the node if that puts it in doubt. */
  failed(node: ClusterNode, error: unknown): void {
    // What gave no connection was reported when the connection failed; a full pool is not the node's fault.
    if (error instanceof NoConnectionError) return;
    if (error instanceof DeadlineError && !this.stuck.isToBlame(node, error.waitedMs, this.usable)) return;
    const failure = failureOf(error);
    if (failure === 'lost' || failure === 'refused') this.passOver(node, reasonOf(error));
  }

  /** The node has taken a write. */
  wrote(node: ClusterNode): void {
    this.stuck.wrote(node);
  }

  /** The node has executed these transactions: none that is passed over comes back into use without them. */
  executed(node: ClusterNode, gtids: string): void {
    this.health.executed(node.index, this.clock.now(), GtidSet.parse(gtids));
  }

  /** A statement on the node takes long: see at once whether it lives. */
  doubt(node: ClusterNode): void {
    this.members[node.index].watch.now();
  }

  /** See `Stuck`. */
  isStuck(node: ClusterNode, since: number): boolean {
    return this.stuck.isStuck(node, since, this.usable);
  }

  /** A write takes long: ask the group, since nobody may write on the other nodes meanwhile. */
  askForAgreement(): void {
    if (!this.closed) this.stuck.ask();
  }

  /** The node takes no writes while others do: do not use it until it has shown that it agrees with its group. */
  passOverStuck(node: ClusterNode): void {
    if (!this.usable.includes(node)) return;
    if (this.stuck.isInGroup(node.index)) this.members[node.index].mustAgree(this.clock.now());
    this.passOver(node, 'it takes no writes while other nodes do');
  }

  /** Do not use the node until it has proved itself; look at all nodes now. */
  passOver(node: ClusterNode, reason: string): void {
    if (this.closed) return;
    this.health.missed(node.index, this.clock.now(), reason);
    this.refresh();
    for (const { watch } of this.members) watch.now();
  }

  /** True when a look at the node that began after this moment has been answered, and none has failed since. */
  hasAnsweredSince(node: ClusterNode, moment: number): boolean {
    return this.health.hasAnsweredSince(node.index, moment);
  }

  /** Resolves when a node's state has changed, or after `ms`. */
  changed(ms: number): Promise<void> {
    return pause(this.clock, ms, this.wakeUps);
  }

  statuses(): readonly NodeStatus[] {
    return this.members.map((member) => this.statusOf(member));
  }

  /** `host:port: reason` of every node that takes no statements. */
  reasons(): string[] {
    return this.statuses().flatMap(({ name, state, writable, reason }) => {
      if (state !== 'online') return [`${name}: ${reason ?? state}`];
      return writable ? [] : [`${name}: it is read-only`];
    });
  }

  /** True when waiting cannot help: no server is one that can be a node. */
  get isHopeless(): boolean {
    return this.members.every(({ isUnsupported }) => isUnsupported);
  }

  /** True when every node has been looked at and none is about to come into use. */
  get isSettled(): boolean {
    return this.members.every(({ index, isSettling }) => !isSettling && this.health.of(index).concluded >= 0);
  }

  get isClosed(): boolean {
    return this.closed;
  }

  onChange(listener: (nodes: readonly NodeStatus[]) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  close(): Promise<void> {
    this.closing ??= this.shutDown();
    return this.closing;
  }

  private async shutDown(): Promise<void> {
    this.closed = true;
    this.usable = this.readable = [];
    this.wake();
    this.listeners.clear();
    const deadline = this.clock.now() + this.options.readTimeoutMs;
    await Promise.all(
      this.members.flatMap(({ watch, reads, writes, agreement }) => [
        agreement.close(),
        watch.close(deadline),
        reads.close(deadline),
        writes.close(deadline),
      ]),
    );
    this.clock.close();
  }

  private stalled(ms: number): void {
    if (this.closed) return;
    this.stalls++;
    this.options.log('warn', `this process was paused for ${Math.round(ms)} ms: checking all MySQL nodes again`);
    this.outage.stalled(this.readable.length > 0);
    this.health.stalled(this.clock.now());
    const { fenced } = this;
    this.refresh();
    // That was us, not they.
    this.fenced = fenced;
    for (const { watch } of this.members) watch.now();
  }

  private refresh(): void {
    if (this.closed) return;
    this.usable = this.health.usable().map((index) => this.members[index]);
    this.readable = this.usable.length > 0 ? this.usable : this.health.readable().map((index) => this.members[index]);
    // The clock comes first: when it finds that this process stood still, no node is left to read.
    const now = this.clock.now();
    const isReachable = this.members.some(({ index }) => this.health.of(index).reachable);
    this.outage.update(now, this.readable.length > 0, this.usable.length > 0, isReachable);
    const before = this.known;
    const after = this.statuses();
    this.known = after;
    let changed = false;
    after.forEach((status, index) => {
      const { state, writable, reason } = before[index];
      if (status.state === state && status.writable === writable) {
        // A lag that moves is not news, nor is a figure in the reason; another cause of the same state is.
        if (state !== 'down' || causeOf(status.reason) === causeOf(reason)) return;
      } else if (state === 'online' && status.state !== 'online') {
        this.fenced++;
        this.members[index].rejectWaiting(`${status.name} ${status.reason ?? status.state}`);
      }
      changed = true;
      this.report(status, state);
    });
    if (!changed) return;
    for (const listener of this.listeners) listener(after);
    this.wake();
  }

  private report({ name, state, role, writable, reason }: NodeStatus, before: NodeStatus['state']): void {
    const { log } = this.options;
    if (state === 'online')
      return log('info', `MySQL node ${name} is online, ${writable ? 'writable' : 'read-only'}, ${role}`);
    // One that was down and answers is on its way back.
    const level = state === 'down' ? 'error' : before === 'down' ? 'info' : 'warn';
    log(level, `MySQL node ${name} is ${state}: ${reason ?? 'unknown reason'}`);
  }

  private wake(): void {
    for (const wake of [...this.wakeUps]) wake();
  }

  private statusOf({ index, name, uuid }: WatchedNode): NodeStatus {
    const { reachable, fencedSince, lagMs, reason, ...known } = this.health.of(index);
    // What one that is down has said of itself holds no more.
    const report = reachable ? known.report : undefined;
    const self = report?.group?.find((each) => each.uuid === report.uuid);
    const writable = report?.writable ?? false;
    const forked = fencedSince === undefined && writable && !this.usable.some((node) => node.index === index);
    return {
      name,
      uuid,
      state: !reachable ? 'down' : fencedSince !== undefined || forked ? 'fenced' : 'online',
      role: report && ((self ? self.role === 'PRIMARY' : writable) ? 'primary' : 'replica'),
      writable,
      lagMs,
      reason: forked
        ? 'it accepts writes but does not replicate with another writable node: set read_only on all but one'
        : reason,
    };
  }
}

/** A reason without its figures. */
function causeOf(reason: string | undefined): string | undefined {
  return reason?.replace(/\d+/g, '');
}
