// The `sync` method: every server holds all sessions in memory and sends its changes to the others.
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ReplicatedTombstones } from '../cookie/revocation/sync-revocation-list.js';
import { markOf, toRecord } from '../../replica/replica.js';
import type { SessionIndex } from '../../port/abilities.js';
import type { Found, Mark, SessionRecord, WriteResult } from '../../port/records.js';
import { ownMark, type SessionCapabilities, type SessionStore } from '../../port/store.js';
import { CatchUp } from './catch-up.js';
import { chooseDirection, orderOf } from './choose-direction.js';
import { Copies } from './copies.js';
import { CutOff, LONG_DOUBT } from './cut-off.js';
import type { Direction } from './direction.js';
import { Joining } from './joining.js';
import { Membership } from './membership.js';
import { isServerName, PROTOCOL, type Hello, type Key } from './messages.js';
import {
  defaultLimits,
  defaultTimings,
  noCounts,
  type Counters,
  type SyncOptions,
  type SyncStats,
  type SyncTimings,
} from './options.js';
import type { LinkContext } from './peer-link.js';
import { PeerRequests } from './peer-requests.js';
import { PeerServer } from './peer-server.js';
import { Reader } from './reader.js';
import { assertSecret } from './security.js';
import { Succession } from './succession.js';

const MONITOR_EVERY = 100;
/** This server stood still for so long that its peers may have gone on without it. */
const FROZEN = 400;
/** One of 256 buckets at a time: each once a minute. */
const SWEEP_EVERY = 250;

/**
 * Sessions in the memory of all servers. Each server answers reads from its own memory, asks its peers when the
 * browser's mark says that it is behind, and joins what others write key by key. See docs/sync.md for what it costs
 * and what a partition does.
 */
export class SyncSessionStore implements SessionStore, SessionIndex, ReplicatedTombstones {
  readonly capabilities: SessionCapabilities = {
    method: 'sync',
    mergesKeys: true,
    atomicUpdate: false,
    logoutWithinMs: 0,
    readsWhatYouSaw: true,
  };

  private readonly instance = randomUUID();
  private readonly now: () => number;
  private readonly timings: SyncTimings;
  private readonly counters: Counters = noCounts();
  private readonly copies: Copies;
  private readonly membership: Membership;
  private readonly cutOff: CutOff;
  private readonly catchUp: CatchUp;
  private readonly reader: Reader;
  private readonly joining: Joining;
  private readonly direction: Direction;
  /** The direction, where there are successors. */
  private succession: Succession | undefined;
  private server!: PeerServer;
  private readonly timers: NodeJS.Timeout[] = [];
  /** True when it has joined the others, or found itself alone. */
  private serving = false;
  private joinedIn = 0;
  private closed = false;
  private lastSeenAwake = 0;

  private constructor(private readonly options: SyncOptions) {
    assertSecret(options.security);
    if (!isServerName(options.serverName))
      throw new TypeError(`serverName "${options.serverName}" is not valid: use 1 to 100 letters, digits and . : _ -`);
    const { counters } = this;
    this.now = options.now ?? Date.now;
    this.timings = { ...defaultTimings, ...options.timings };
    const { maxSessions = 1_000_000, maxBytes = 2 ** 30 } = options;
    this.copies = new Copies(options.serverName, { maxSessions, maxBytes }, counters, this.now);
    const { copies, timings } = this;
    this.membership = new Membership(options.peers, options.listen.port, this.linkContext(), options.lookup);
    const { membership } = this;
    this.cutOff = new CutOff(membership, options.isCutOff, () => options.onEvent?.({ type: 'cut-off' }));
    this.catchUp = new CatchUp(copies, counters, () => this.serving);
    this.reader = new Reader(copies, membership, counters, timings);
    this.joining = new Joining(options, copies, membership, this.reader, timings);
    const { instance, reader, cutOff, catchUp } = this;
    const isReady = () => this.serving && !this.isCutOff && !this.closed && !membership.isBehind;
    const parts = { options, instance, timings, copies, membership, reader, cutOff, catchUp, isReady };
    this.direction = chooseDirection(parts);
    if (this.direction instanceof Succession) this.succession = this.direction;
  }

  private linkContext(): LinkContext {
    return {
      security: this.options.security,
      timings: this.timings,
      limits: { ...defaultLimits, ...this.options.limits },
      counters: this.counters,
      hello: () => this.hello(),
      isNew: ({ instance }, link) =>
        !this.membership.reachable.some((other) => other !== link && other.peer?.instance === instance),
      onBehind: (link) => void this.catchUp.with(link),
      emit: (event) => this.options.onEvent?.(event),
      now: this.now,
    };
  }

  /**
   * Starts to listen, and resolves when this server may serve: when it has taken over the sessions of its peers, or no
   * peer has answered for `timings.aloneAfter`.
   * @throws Error when it cannot listen, StoreUnavailableError when a peer is there whose sessions it cannot take over
   */
  static async open(options: SyncOptions): Promise<SyncSessionStore> {
    const store = new SyncSessionStore(options);
    try {
      await store.start();
      return store;
    } catch (error) {
      await store.close();
      throw error;
    }
  }

  /**
   * Leaves the others, and the snapshot behind. Call it when no request runs any more.
   * @throws Error when the snapshot cannot be written
   */
  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    for (const timer of this.timers) clearInterval(timer);
    // Also those that join only now: they will serve.
    const othersGoOn = this.membership.reachable.length > 0;
    await this.succession?.close();
    this.catchUp.close();
    this.membership.close();
    await this.server?.close();
    // Before it has joined, the file says more than this server knows.
    if (this.serving) await this.joining.saveSnapshot(othersGoOn);
  }

  /** The port on which it listens. */
  get port(): number {
    return this.server.port;
  }

  /** False while this server may not know what others have acknowledged: it should get no traffic. */
  get isReady(): boolean {
    return this.serving && !this.closed && !this.isCutOff && this.waitsFor.length === 0;
  }

  /** True while this server hears neither a peer nor anybody else: see `SyncOptions.isCutOff`. */
  get isCutOff(): boolean {
    return this.cutOff.isCutOff;
  }

  /** The peers that it has to catch up with first, or that do not reach it. */
  get waitsFor(): readonly string[] {
    const { links, members, unresolved } = this.membership;
    if (this.isCutOff) return [...members.map(({ name }) => name), ...unresolved];
    return links.filter(({ isBehind }) => isBehind).map(({ name }) => name);
  }

  /** The server that leads, as far as this one knows; undefined where every server writes, or none leads. */
  get leader(): string | undefined {
    return this.succession ? this.succession.leader(this.options.serverName) : orderOf(this.options)[0];
  }

  stats(): SyncStats {
    const { replicas } = this.copies;
    const { sessions, tombstones, epochs, bytes } = replicas;
    return {
      sessions,
      tombstones,
      epochs,
      bytes,
      maxBytes: this.options.maxBytes ?? 2 ** 30,
      joinedIn: this.joinedIn,
      leader: this.leader,
      digest: replicas.digest(),
      peers: this.membership.members.map(({ address, peer, state, current }) => ({
        address,
        name: peer?.name,
        state,
        current,
      })),
      counters: { ...this.counters },
    };
  }

  // --- the port

  async find(id: string, atLeast: Mark = ''): Promise<Found | undefined> {
    await this.caughtUp();
    await this.confirmed(id);
    const copy = await this.reader.locate(id, ownMark(atLeast, this.capabilities));
    if (!copy || copy.ended) return undefined;
    const record = toRecord(copy);
    if (record.userId !== null) await this.confirmed(`@${record.userId}`);
    const userEpoch = record.userId === null ? 0 : this.knownEpoch(record.userId);
    return { record, userEpoch, mark: markOf(copy) };
  }

  create(record: SessionRecord): Promise<WriteResult> {
    return this.direction.write(['create', record]);
  }

  update(record: SessionRecord, base: SessionRecord): Promise<WriteResult> {
    return this.direction.write(['update', record, base]);
  }

  async touch(id: string, idleEndsAt: number): Promise<void> {
    await this.direction.write(['touch', id, idleEndsAt]);
  }

  destroy(id: string, ifVersion?: number): Promise<WriteResult> {
    return this.direction.write(['destroy', id, ifVersion ?? null]);
  }

  /** On this server only; each sweeps its own memory, also by itself. */
  async sweep(before: number, limit: number): Promise<number> {
    return this.copies.replicas.sweep(before, limit);
  }

  async listByUser(userId: string): Promise<SessionRecord[]> {
    await this.caughtUp();
    const records = this.copies.replicas.sessionsOf(userId).map(toRecord);
    return records.sort((a, b) => (a.id < b.id ? 1 : -1));
  }

  async epochOf(userId: string): Promise<number> {
    await this.caughtUp();
    await this.confirmed(`@${userId}`);
    return this.knownEpoch(userId);
  }

  raiseEpoch(userId: string): Promise<number> {
    return this.direction.write(['raiseEpoch', userId]);
  }

  // --- for sessions that live elsewhere: see `ReplicatedTombstones`

  async entomb(id: string, endsAt: number): Promise<void> {
    await this.direction.write(['entomb', id, endsAt]);
  }

  isEntombed(id: string): boolean {
    return this.copies.replicas.kept(id)?.kind === 'tombstones';
  }

  knownEpoch(userId: string): number {
    return this.copies.replicas.epochOf(userId);
  }

  /**
   * Waits a little when this server has missed something, until it knows it.
   * @throws StoreUnavailableError when that takes too long
   */
  async caughtUp(): Promise<void> {
    this.noticeFreeze();
    const end = performance.now() + this.timings.read;
    while (this.waitsFor.length > 0 || !this.serving) {
      if (this.closed || performance.now() > end)
        throw this.copies.unavailable(
          `This server has to catch up first (${this.waitsFor.join(', ') || 'it starts'}).`,
        );
      await sleep(5);
      this.noticeFreeze();
    }
  }

  // --- the others

  /** Nobody is shown what this server may have to take back. */
  private async confirmed(key: Key): Promise<void> {
    await this.succession?.confirmation.settle(key);
  }

  private async start(): Promise<void> {
    const { listen, security, limits } = this.options;
    const start = performance.now();
    this.reader.openedAt = this.now();
    await this.joining.loadSnapshot();
    const requests = new PeerRequests(() => this.hello(), this.copies, this.membership, this.direction);
    this.server = await PeerServer.listen(listen, security, { ...defaultLimits, ...limits }, this.counters, requests);
    this.lastSeenAwake = performance.now();
    this.every(MONITOR_EVERY, () => this.noticeFreeze());
    this.every(MONITOR_EVERY, () => void this.cutOff.look());
    this.every(SWEEP_EVERY, () => this.copies.replicas.sweepNext());
    this.every(this.timings.compare, () => {
      for (const link of this.membership.reachable)
        if (link.current) void this.catchUp.compareWith(link).catch(() => false);
    });
    await this.membership.follow();
    await this.joining.join();
    this.serving = true;
    this.joinedIn = performance.now() - start;
    await this.joining.removeSnapshot();
  }

  private every(interval: number, act: () => void): void {
    this.timers.push(setInterval(act, interval).unref());
  }

  /** Notices that this process stood still. Also asked before a read: a request may be read before any timer runs. */
  private noticeFreeze(): void {
    if (performance.now() - this.lastSeenAwake > FROZEN)
      for (const link of this.membership.members) link.suspect(LONG_DOUBT);
    this.lastSeenAwake = performance.now();
  }

  private hello(): Hello {
    const { serverName: name } = this.options;
    const { instance, serving } = this;
    const writer = orderOf(this.options).join();
    return { protocol: PROTOCOL, name, instance, writer, serving, now: this.now() };
  }
}
