// The `sync` method: every server holds all sessions in memory and sends its changes to the others.
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ReplicatedTombstones } from '../cookie/revocation/sync-revocation-list.js';
import { originNamed } from '../replica/hybrid-clock.js';
import { markOf, toRecord } from '../replica/replica.js';
import {
  ownMark,
  type Found,
  type Mark,
  type SessionCapabilities,
  type SessionIndex,
  type SessionRecord,
  type SessionStore,
  type WriteResult,
} from '../store.js';
import { answerBucket } from './anti-entropy.js';
import { CatchUp } from './catch-up.js';
import { Copies } from './copies.js';
import { CutOff, LONG_DOUBT } from './cut-off.js';
import { BothWays, OneWay, type Direction } from './direction.js';
import { MalformedError } from './framed-socket.js';
import { Joining } from './joining.js';
import { Membership } from './membership.js';
import {
  asBucketQuestion,
  asEntries,
  asKey,
  asWrite,
  isServerName,
  PROTOCOL,
  type Entry,
  type Hello,
  type Requests,
  type Standing,
} from './messages.js';
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
import { PeerServer } from './peer-server.js';
import { Reader } from './reader.js';
import { BUCKETS } from './replicas.js';
import { assertSecret } from './security.js';
import { Spreader } from './spreader.js';
import { Writer } from './writer.js';

const MONITOR_EVERY = 100;
/** This server stood still for so long that its peers may have gone on without it. */
const FROZEN = 400;
/** Servers whose clocks differ by more do not speak with each other: their limits would mean nothing. */
const MAX_SKEW = 3_600_000;
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
  private readonly writer: Writer;
  private readonly direction: Direction;
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
      throw new TypeError(`"${options.serverName}" is no name of a server: up to 100 letters, digits and . : _ -`);
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
    const spreader = new Spreader(copies, membership, this.cutOff, timings, options.acks ?? 1);
    const commit = (entry: Entry, toAll: boolean) => {
      copies.keep(entry);
      return spreader.spread(entry, toAll);
    };
    // Raised epochs are counted for this process: one that comes back without its memory would count them again.
    this.writer = new Writer(copies, this.reader, membership, originNamed(this.instance), commit);
    const { leader } = this;
    this.direction =
      leader === ''
        ? new BothWays(this.writer)
        : new OneWay(leader, options.serverName, this.writer, copies, membership, timings);
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
    const copy = await this.reader.locate(id, ownMark(atLeast, this.capabilities));
    if (!copy || copy.ended) return undefined;
    const record = toRecord(copy);
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
    return this.knownEpoch(userId);
  }

  raiseEpoch(userId: string): Promise<number> {
    return this.direction.write(['raiseEpoch', userId]);
  }

  // --- for sessions that live elsewhere: see `ReplicatedTombstones`

  entomb(id: string, endsAt: number): Promise<void> {
    return this.writer.entomb(id, endsAt);
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

  /** '' where every server writes, else the name of the only one that does. */
  private get leader(): string {
    const { direction = 'both-ways' } = this.options;
    return direction === 'both-ways' ? '' : direction.oneWay;
  }

  private async start(): Promise<void> {
    const { listen, security, limits } = this.options;
    const start = performance.now();
    this.reader.openedAt = this.now();
    await this.joining.loadSnapshot();
    this.server = await PeerServer.listen(listen, security, { ...defaultLimits, ...limits }, this.counters, {
      welcome: (hello) => this.welcome(hello),
      answer: (peer, request, body) => this.answer(peer, request, body),
      lost: ({ instance }) => this.membership.links.find(({ peer }) => peer?.instance === instance)?.suspect(),
    });
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
    const { instance, leader: writer, serving } = this;
    return { protocol: PROTOCOL, name, instance, writer, serving, now: this.now() };
  }

  private welcome({ protocol, name, instance, writer, serving, now }: Hello): Hello {
    if (protocol !== PROTOCOL) throw new Error(`This server speaks version ${PROTOCOL} of the protocol.`);
    if (writer !== this.leader) throw new Error('The servers must be given the same direction.');
    if (Math.abs(now - this.now()) > MAX_SKEW) throw new Error('The clocks differ by more than an hour.');
    if (instance !== this.instance) {
      if (name === this.options.serverName) throw new Error(`Two servers have the name ${name}.`);
      // It did not send its changes here until now.
      const missed = this.membership.links.filter(({ peer }) => !peer || peer.name === name);
      if (serving) for (const link of missed) link.suspect(LONG_DOUBT);
      setImmediate(() => this.membership.hurry());
    }
    return this.hello();
  }

  private answer(peer: Hello, request: string, body: unknown): string | Promise<string> {
    switch (request as keyof Requests) {
      case 'ping':
        return JSON.stringify(this.standing(peer));
      case 'put':
        this.copies.take(asEntries(body, this.now()));
        return 'null';
      case 'get':
        return this.copies.replicas.kept(asKey(body))?.json ?? 'null';
      case 'digest':
        return JSON.stringify({ ...this.standing(peer), digest: this.copies.replicas.digest() });
      case 'bucket':
        return answerBucket(asBucketQuestion(body, BUCKETS), this.copies.replicas);
      case 'write':
        return this.direction.accept(asWrite(body)).then((answer) => JSON.stringify(answer));
      default:
        throw new MalformedError('Not a request.');
    }
  }

  private standing({ instance }: Hello): Standing {
    const linked = this.membership.reachable.some(({ peer }) => peer?.instance === instance);
    return { linked, serving: this.serving };
  }
}
