// The `sync` method: every server holds all sessions in memory and sends its changes to the others.
import { randomUUID } from 'node:crypto';
import { rename, rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { StoreUnavailableError } from '../errors.js';
import type { ReplicatedTombstones } from '../cookie/revocation/sync-revocation-list.js';
import { HybridClock, originNamed } from '../replica/hybrid-clock.js';
import {
  covers,
  createReplica,
  endReplica,
  latestMoment,
  markOf,
  toRecord,
  tombstoneOf,
  touchReplica,
  updateReplica,
  type Replica,
} from '../replica/replica.js';
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
import { createdAt } from '../token.js';
import { answerBucket, compare } from './anti-entropy.js';
import { MalformedError } from './framed-socket.js';
import { Membership } from './membership.js';
import {
  asBucketQuestion,
  asEntries,
  asEntry,
  asKey,
  asWrite,
  asWriteAnswer,
  isServerName,
  PROTOCOL,
  type Entry,
  type Hello,
  type Requests,
  type Standing,
  type Write,
  type WriteAnswer,
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
import { PeerRefusalError, type LinkContext, type PeerLink } from './peer-link.js';
import { PeerServer } from './peer-server.js';
import { BUCKETS, Replicas } from './replicas.js';
import { assertSecret, keyFor } from './security.js';
import { loadSnapshot, saveSnapshot } from './snapshot.js';

/** How long a tombstone of a session that nobody here knows is kept: no session is longer. */
const LONGEST_LIFE = 31 * 24 * 3_600_000;
const MONITOR_EVERY = 100;
/** This server stood still for so long that its peers may have gone on without it. */
const FROZEN = 400;
/** This server has surely missed something: how long it dials the peers before it takes itself for alone. */
const LONG_DOUBT = 1000;
const CATCH_UP_RETRY = 20;
/** Servers whose clocks differ by more do not speak with each other: their limits would mean nothing. */
const MAX_SKEW = 3_600_000;
/** One of 256 buckets at a time: each once a minute. */
const SWEEP_EVERY = 250;
/** Clocks are compared only when a link comes up, and ids are made a moment before they are stored. */
const CREATION_MARGIN = 10_000;

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
  /** Raised epochs are counted for this process: one that comes back without its memory would count them again. */
  private readonly counter = originNamed(this.instance);
  private readonly now: () => number;
  private readonly timings: SyncTimings;
  private readonly clock: HybridClock;
  private readonly replicas: Replicas;
  private readonly counters: Counters = noCounts();
  private readonly membership: Membership;
  private server!: PeerServer;
  private readonly timers: NodeJS.Timeout[] = [];
  /** True when it has joined the others, or found itself alone. */
  private serving = false;
  private openedAt = 0;
  /** It has taken over what at least one peer held. */
  private hasJoined = false;
  /** The snapshot that it took its sessions from was left while others went on: what ended since, only they can tell. */
  private startsEarly = false;
  private joinedIn = 0;
  private closed = false;
  private lastSeenAwake = 0;
  /** The links that are being caught up with. */
  private readonly catching = new Set<PeerLink>();
  private comparing: Promise<unknown> = Promise.resolve();
  private cutOff = false;
  /** The question to `isCutOff` that is under way. */
  private asking: Promise<void> | undefined;

  private constructor(private readonly options: SyncOptions) {
    assertSecret(options.security);
    if (!isServerName(options.serverName))
      throw new TypeError(`"${options.serverName}" is no name of a server: up to 100 letters, digits and . : _ -`);
    this.now = options.now ?? Date.now;
    this.timings = { ...defaultTimings, ...options.timings };
    this.clock = new HybridClock(options.serverName, this.now);
    const { maxSessions = 1_000_000, maxBytes = 2 ** 30 } = options;
    this.replicas = new Replicas({ maxSessions, maxBytes }, this.now);
    const context: LinkContext = {
      security: options.security,
      timings: this.timings,
      limits: { ...defaultLimits, ...options.limits },
      counters: this.counters,
      hello: () => this.hello(),
      isNew: ({ instance }, link) =>
        !this.membership.reachable.some((other) => other !== link && other.peer?.instance === instance),
      onBehind: (link) => void this.catchUp(link),
      emit: (event) => this.options.onEvent?.(event),
      now: this.now,
    };
    this.membership = new Membership(options.peers, options.listen.port, context, options.lookup);
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
    this.membership.close();
    await this.server?.close();
    const { snapshotFile } = this.options;
    // Before it has joined, the file says more than this server knows.
    if (snapshotFile && this.serving)
      await saveSnapshot(snapshotFile, this.snapshotKey, this.replicas.all(), this.now(), othersGoOn);
  }

  /** The port on which it listens. */
  get port(): number {
    return this.server.port;
  }

  /** False while this server may not know what others have acknowledged: it should get no traffic. */
  get isReady(): boolean {
    return this.serving && !this.closed && !this.cutOff && this.waitsFor.length === 0;
  }

  /** True while this server hears neither a peer nor anybody else: see `SyncOptions.isCutOff`. */
  get isCutOff(): boolean {
    return this.cutOff;
  }

  /** The peers that it has to catch up with first, or that do not reach it. */
  get waitsFor(): readonly string[] {
    const { links, members, unresolved } = this.membership;
    if (this.cutOff) return [...members.map(({ name }) => name), ...unresolved];
    return links.filter(({ isBehind }) => isBehind).map(({ name }) => name);
  }

  stats(): SyncStats {
    const { sessions, tombstones, epochs, bytes } = this.replicas;
    return {
      sessions,
      tombstones,
      epochs,
      bytes,
      maxBytes: this.options.maxBytes ?? 2 ** 30,
      joinedIn: this.joinedIn,
      digest: this.replicas.digest(),
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
    const copy = await this.locate(id, ownMark(atLeast, this.capabilities));
    if (!copy || copy.ended) return undefined;
    const record = toRecord(copy);
    const userEpoch = record.userId === null ? 0 : this.replicas.epochOf(record.userId);
    return { record, userEpoch, mark: markOf(copy) };
  }

  async create(record: SessionRecord): Promise<WriteResult> {
    if (this.follows) return this.forward(['create', record]);
    const known = this.replicas.session(record.id);
    if (known?.ended) return { status: 'gone' };
    const copy = known ?? createReplica(record, this.clock.tick());
    this.keep(copy);
    await this.spread(copy);
    return { status: 'done', mark: markOf(copy), ...(known && { record: toRecord(copy) }) };
  }

  async update(record: SessionRecord, base: SessionRecord): Promise<WriteResult> {
    if (this.follows) return this.forward(['update', record, base]);
    const before = await this.locate(record.id);
    if (!before || before.ended) return { status: 'gone' };
    // A write that is repeated is sent again: the first try may have been acknowledged by nobody.
    const write = record.writes.at(-1)!;
    const isRepeated = before.writes.includes(write) && !base.writes.includes(write);
    const copy = isRepeated ? before : updateReplica(before, record, base, this.clock.tick());
    this.keep(copy);
    await this.spread(copy);
    const isMerged = isRepeated || toRecord(before).version !== base.version;
    return { status: 'done', mark: markOf(copy), ...(isMerged && { record: toRecord(copy) }) };
  }

  async touch(id: string, idleEndsAt: number): Promise<void> {
    if (this.follows) return void (await this.forward(['touch', id, idleEndsAt]));
    const before = await this.locate(id);
    const copy = before && touchReplica(before, idleEndsAt);
    if (!copy || copy === before) return;
    this.keep(copy);
    await this.spread(copy);
  }

  async destroy(id: string, ifVersion?: number): Promise<WriteResult> {
    if (this.follows) return this.forward(['destroy', id, ifVersion ?? null]);
    // Whoever has a copy gets the tombstone, also a peer that cannot be asked just now.
    const before = await this.locate(id).catch(() => undefined);
    if (!before && this.membership.members.every(({ isUp }) => isUp)) return { status: 'gone' };
    if (before && !before.ended && ifVersion !== undefined && before.version !== ifVersion)
      return { status: 'conflict', current: toRecord(before) };
    const stamp = this.clock.tick();
    const copy = before ? endReplica(before, stamp) : tombstoneOf(id, createdAt(id) + LONGEST_LIFE, stamp);
    this.keep(copy);
    await this.spread(copy, true);
    return { status: before && !before.ended ? 'done' : 'gone' };
  }

  /** On this server only; each sweeps its own memory, also by itself. */
  async sweep(before: number, limit: number): Promise<number> {
    return this.replicas.sweep(before, limit);
  }

  async listByUser(userId: string): Promise<SessionRecord[]> {
    await this.caughtUp();
    const records = this.replicas.sessionsOf(userId).map(toRecord);
    return records.sort((a, b) => (a.id < b.id ? 1 : -1));
  }

  async epochOf(userId: string): Promise<number> {
    await this.caughtUp();
    return this.replicas.epochOf(userId);
  }

  async raiseEpoch(userId: string): Promise<number> {
    if (this.follows) return this.forward(['raiseEpoch', userId]);
    const { counter } = this;
    const { raised } = this.replicas.epochsOf(userId);
    const epochs: Entry = { userId, raised: { ...raised, [counter]: (raised[counter] ?? 0) + 1 } };
    this.keep(epochs);
    await this.spread(epochs, true);
    // With what others raised meanwhile, so that a session that is to live on is lifted above it all.
    return this.replicas.epochOf(userId);
  }

  // --- for sessions that live elsewhere: see `ReplicatedTombstones`

  async entomb(id: string, endsAt: number): Promise<void> {
    const copy = tombstoneOf(id, endsAt, this.clock.tick());
    this.keep(copy);
    await this.spread(copy, true);
  }

  isEntombed(id: string): boolean {
    return this.replicas.kept(id)?.kind === 'tombstones';
  }

  knownEpoch(userId: string): number {
    return this.replicas.epochOf(userId);
  }

  // --- reading

  /**
   * Waits a little when this server has missed something, until it knows it.
   * @throws StoreUnavailableError when that takes too long
   */
  async caughtUp(): Promise<void> {
    this.noticeFreeze();
    const end = performance.now() + this.timings.read;
    while (this.waitsFor.length > 0 || !this.serving) {
      if (this.closed || performance.now() > end)
        throw this.unavailable(`This server has to catch up first (${this.waitsFor.join(', ') || 'it starts'}).`);
      await sleep(5);
      this.noticeFreeze();
    }
  }

  /**
   * The copy, live or ended, with all that the mark says was seen, from here or from the peers; undefined when there is
   * none. @throws StoreUnavailableError when only a server may have it that cannot be asked
   */
  private async locate(id: string, mark: Mark = ''): Promise<Replica | undefined> {
    const isEnough = (copy = this.replicas.session(id)) => copy !== undefined && covers(copy, mark);
    const here = this.replicas.session(id);
    if (isEnough(here) || this.membership.isAlone) return here;
    this.counters.fetches++;
    const answered = await this.fetch(id, isEnough);
    const copy = this.replicas.session(id);
    const missing = isEnough(copy) ? [] : this.mayHave(id, mark, answered);
    if (missing.length > 0) throw this.unavailable(`Only ${missing.join(', ')} may have this session as it was seen.`);
    return copy;
  }

  /** Asks all peers at once, until one has brought enough or the time is over; returns those that have answered. */
  private async fetch(id: string, isEnough: () => boolean): Promise<Set<PeerLink>> {
    const answered = new Set<PeerLink>();
    const ask = async (link: PeerLink) => {
      const answer = await link.send('get', JSON.stringify(id), this.timings.deadAfter);
      try {
        if (answer !== null) this.take([asEntry(answer, this.now())]);
      } catch (error) {
        if (error instanceof MalformedError) link.drop(error.message);
        throw error;
      }
      answered.add(link);
      if (!isEnough()) throw new Error('The next may have it.');
    };
    const enough = Promise.any(this.membership.reachable.map(ask)).catch(() => undefined);
    await Promise.race([enough, sleep(this.timings.read, undefined, { ref: false })]);
    return answered;
  }

  /**
   * The members that may have what no other has: those that have not answered, have not been away for too long, and
   * could have been given the session since. What they had before, the others have too.
   */
  private mayHave(id: string, mark: Mark, answered: ReadonlySet<PeerLink>): string[] {
    const now = this.now();
    const { members, unresolved } = this.membership;
    const skew = Math.max(0, ...members.map(({ lead }) => Math.abs(lead))) + CREATION_MARGIN;
    const isKnown = this.replicas.session(id) !== undefined;
    const mayHave = (link: PeerLink) => {
      if (answered.has(link)) return false;
      if (link.isUp) return true;
      const away = now - (link.lostAt ?? this.openedAt);
      // Whom this server never caught up with may have all that a mark was given for. Without a mark there may be no
      // others at all, or they have told what this one had before; and who is gone has told them, or has lost it.
      const unmet = mark === '' ? Infinity : 0;
      const isTold = this.hasJoined && (mark === '' || link.isGone);
      const since = link.currentUntil ?? (isTold ? this.openedAt : unmet);
      return away < this.timings.forgetAfter && (isKnown || createdAt(id) > since - skew);
    };
    const unknown = mark !== '' && now - this.openedAt < this.timings.forgetAfter ? unresolved : [];
    return [...members.filter(mayHave).map(({ name }) => name), ...unknown];
  }

  /** Asks anew while all peers are silent: what nobody else has must not be acknowledged by a server that was cut off. */
  private async assertNotCutOff(): Promise<void> {
    await this.lookAround();
    if (this.cutOff) throw this.unavailable('This server was cut off from all others.');
  }

  /** Finds out whether this server was cut off. When that is over, it catches up before it answers anything. */
  private lookAround(): Promise<void> {
    const { isCutOff, onEvent } = this.options;
    const { isAlone, members } = this.membership;
    const hearsNobody = !isAlone && members.every(({ isSilent }) => isSilent);
    if (!isCutOff || (!hearsNobody && !this.cutOff)) return Promise.resolve();
    const answer = async () => {
      const wasCutOff = this.cutOff;
      const isNow = hearsNobody && (await isCutOff());
      if (wasCutOff && !isNow) for (const link of members) link.suspect(LONG_DOUBT);
      this.cutOff = isNow;
      if (isNow && !wasCutOff) onEvent?.({ type: 'cut-off' });
    };
    return (this.asking ??= answer().finally(() => (this.asking = undefined)));
  }

  private unavailable(reason: string): StoreUnavailableError {
    this.counters.unavailable++;
    return new StoreUnavailableError(reason);
  }

  // --- writing

  private keep(entry: Entry): void {
    try {
      this.replicas.put(entry, false);
    } catch (error) {
      this.counters.unavailable++;
      throw error;
    }
  }

  /**
   * Sends a change to all peers, and waits until enough have confirmed it, and a little for the others. A peer that
   * does not confirm in time is dropped: then it no longer counts, and catches up before it counts again.
   */
  private async spread(entry: Entry, toAll = false): Promise<void> {
    const { acks = 1 } = this.options;
    const { members, reachable, unresolved } = this.membership;
    const body = `[${JSON.stringify(entry)}]`;
    const needed = acks === 'majority' ? Math.floor((members.length + 1) / 2) : acks;
    let confirmed = 0;
    let refusal: string | undefined;
    let enough!: () => void;
    const isEnough = new Promise<void>((resolve) => (enough = resolve));
    const all = Promise.all(
      reachable.map(async (link) => {
        try {
          await link.send('put', body, this.timings.ackWithin);
          if (++confirmed >= needed) enough();
        } catch (error) {
          if (error instanceof PeerRefusalError) refusal ??= error.message;
        }
      }),
    );
    if (toAll) await all;
    else if (needed > 0) {
      await Promise.race([all, isEnough]);
      await Promise.race([all, sleep(this.timings.settle, undefined, { ref: false })]);
    }
    if (acks === 'majority' && unresolved.length > 0)
      throw this.unavailable(`${unresolved.join(', ')} has not told who the others are: no majority.`);
    if (confirmed >= needed) return;
    await this.assertNotCutOff();
    if (refusal !== undefined) throw this.unavailable(refusal);
    if (acks === 'majority')
      throw this.unavailable(`${confirmed + 1} of ${members.length + 1} servers have it: no majority.`);
  }

  /** True when only another server writes. */
  private get follows(): boolean {
    return this.writer !== '' && this.writer !== this.options.serverName;
  }

  private get writer(): string {
    const { direction = 'both-ways' } = this.options;
    return direction === 'both-ways' ? '' : direction.oneWay;
  }

  private async forward<W extends Write>(write: W): Promise<WriteAnswer<W>> {
    const link = this.membership.reachable.find(({ peer }) => peer?.name === this.writer);
    if (!link) throw this.unavailable(`Only ${this.writer} writes, and it cannot be reached.`);
    try {
      // It waits for its peers itself.
      const answer = await link.send('write', JSON.stringify(write), this.timings.ackWithin * 2);
      return asWriteAnswer(write, answer);
    } catch (error) {
      if (error instanceof MalformedError) link.drop(error.message);
      throw this.unavailable((error as Error).message);
    }
  }

  private async perform(write: Write): Promise<unknown> {
    if (this.follows) throw this.unavailable(`${this.options.serverName} follows ${this.writer}: it does not write.`);
    switch (write[0]) {
      case 'create':
        return this.create(write[1]);
      case 'update':
        return this.update(write[1], write[2]);
      case 'touch':
        return this.touch(write[1], write[2]);
      case 'destroy':
        return this.destroy(write[1], write[2] ?? undefined);
      case 'raiseEpoch':
        return this.raiseEpoch(write[1]);
    }
  }

  // --- the others

  private async start(): Promise<void> {
    const { listen, security, limits } = this.options;
    const start = performance.now();
    this.openedAt = this.now();
    await this.loadSnapshot();
    this.server = await PeerServer.listen(listen, security, { ...defaultLimits, ...limits }, this.counters, {
      welcome: (hello) => this.welcome(hello),
      answer: (peer, request, body) => this.answer(peer, request, body),
      lost: ({ instance }) => this.membership.links.find(({ peer }) => peer?.instance === instance)?.suspect(),
    });
    this.lastSeenAwake = performance.now();
    this.every(MONITOR_EVERY, () => this.noticeFreeze());
    this.every(MONITOR_EVERY, () => void this.lookAround());
    this.every(SWEEP_EVERY, () => this.replicas.sweepNext());
    this.every(this.timings.compare, () => {
      for (const link of this.membership.reachable) if (link.current) void this.compareWith(link).catch(() => false);
    });
    await this.membership.follow();
    await this.join();
    this.serving = true;
    this.joinedIn = performance.now() - start;
    // From now on it would bring back what ends.
    if (this.options.snapshotFile) await rm(this.options.snapshotFile, { force: true });
  }

  private async loadSnapshot(): Promise<void> {
    const { snapshotFile, onEvent } = this.options;
    if (!snapshotFile) return;
    try {
      const snapshot = await loadSnapshot(snapshotFile, this.snapshotKey, this.now());
      if (!snapshot) return;
      this.take(snapshot.entries);
      this.startsEarly = snapshot.isEarly;
    } catch (error) {
      onEvent?.({ type: 'snapshot-refused', reason: (error as Error).message });
      // Kept for inspection.
      await rename(snapshotFile, `${snapshotFile}.refused`).catch(() => undefined);
    }
  }

  private get snapshotKey(): Buffer {
    return keyFor(this.options.security, 'snapshot');
  }

  private every(interval: number, act: () => void): void {
    this.timers.push(setInterval(act, interval).unref());
  }

  /** Resolves when this server may serve. */
  private async join(): Promise<void> {
    const start = performance.now();
    for (;;) {
      const { members, unresolved } = this.membership;
      const waited = performance.now() - start;
      const behind = members.filter(({ isUp, current, isOwing }) => isOwing || (isUp && !current));
      this.hasJoined ||= members.some(({ current }) => current);
      if (behind.length > 0) {
        if (waited > this.timings.joinWithin) {
          const names = behind.map(({ name, problem }) => `${name} (${problem ?? 'it does not reach this server'})`);
          throw new StoreUnavailableError(`The sessions could not be taken over from ${names.join(', ')}.`);
        }
      } else if (this.startsEarly && !this.hasJoined) {
        if (waited > this.timings.joinWithin) return this.forgetSnapshot();
      } else if (waited > this.timings.aloneAfter) return;
      else if (unresolved.length === 0 && members.every(({ isUp }) => isUp)) return;
      else if (this.hasJoined && members.every(({ isTried }) => isTried)) return;
      await sleep(5);
    }
  }

  /** Nobody can tell which of its sessions have ended since it left: all have, rather than one too few. */
  private forgetSnapshot(): void {
    this.replicas.forgetSessions();
    const reason = 'Other servers went on after it was written, and none of them is there.';
    this.options.onEvent?.({ type: 'snapshot-refused', reason });
  }

  /** Notices that this process stood still. Also asked before a read: a request may be read before any timer runs. */
  private noticeFreeze(): void {
    if (performance.now() - this.lastSeenAwake > FROZEN)
      for (const link of this.membership.members) link.suspect(LONG_DOUBT);
    this.lastSeenAwake = performance.now();
  }

  private hello(): Hello {
    const { serverName: name } = this.options;
    const { instance, writer, serving } = this;
    return { protocol: PROTOCOL, name, instance, writer, serving, now: this.now() };
  }

  private welcome({ protocol, name, instance, writer, serving, now }: Hello): Hello {
    if (protocol !== PROTOCOL) throw new Error(`This server speaks version ${PROTOCOL} of the protocol.`);
    if (writer !== this.writer) throw new Error('The servers must be given the same direction.');
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
        this.take(asEntries(body, this.now()));
        return 'null';
      case 'get':
        return this.replicas.kept(asKey(body))?.json ?? 'null';
      case 'digest':
        return JSON.stringify({ ...this.standing(peer), digest: this.replicas.digest() });
      case 'bucket':
        return answerBucket(asBucketQuestion(body, BUCKETS), this.replicas);
      case 'write':
        return this.perform(asWrite(body)).then((answer) => JSON.stringify(answer ?? null));
      default:
        throw new MalformedError('Not a request.');
    }
  }

  private standing({ instance }: Hello): Standing {
    const linked = this.membership.reachable.some(({ peer }) => peer?.instance === instance);
    return { linked, serving: this.serving };
  }

  /** Joins what a peer has sent to what is here; returns how many changed something. */
  private take(entries: readonly Entry[]): number {
    let changed = 0;
    for (const entry of entries) {
      if ('id' in entry) this.clock.witness(latestMoment(entry));
      if (this.replicas.put(entry, true)) changed++;
    }
    return changed;
  }

  /** Compares with this peer until nothing that it has acknowledged is missing here. */
  private async catchUp(link: PeerLink): Promise<void> {
    if (this.catching.has(link)) return;
    this.catching.add(link);
    while (link.isUp && !link.current && !this.closed) {
      const { round } = link;
      const isDone = await this.compareWith(link).catch((error: Error) => {
        link.problem = error.message;
        if (error instanceof MalformedError) link.drop(error.message);
        return false;
      });
      if (isDone && link.isUp && link.round === round) link.confirm();
      else await sleep(CATCH_UP_RETRY);
    }
    this.catching.delete(link);
  }

  /** One after the other: what two peers have, one gives. */
  private compareWith(link: PeerLink): Promise<boolean> {
    const done = this.comparing.then(() => this.compareNow(link));
    this.comparing = done.catch(() => undefined);
    return done;
  }

  private compareNow(link: PeerLink): Promise<boolean> {
    return compare(link, this.replicas, this.now, this.serving, (entries) => {
      this.counters.repaired += this.take(entries);
    });
  }
}
