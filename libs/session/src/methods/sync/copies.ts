// The copies of sessions and epochs that this server holds: found by id and by user, summed up in a digest.
import { hash } from 'node:crypto';
import { StoreUnavailableError } from '../../core/errors.js';
import { VISITORS_PART } from '../../port/abilities.js';
import { HybridClock } from '../../replica/hybrid-clock.js';
import { fingerprint, joinReplicas, latestMoment, type Replica } from '../../replica/replica.js';
import { keyOf, type Entry, type Epochs, type Key } from './messages.js';
import type { Counters } from './options.js';

export const BUCKETS = 256;
/** Bytes of a print that count in the digest. */
const PRINT_BYTES = 8;
/** Characters of a digest. */
export const DIGEST_LENGTH = BUCKETS * PRINT_BYTES * 2;

/** Ended sessions are kept this long, in milliseconds, so that servers' clocks may differ. */
const OVERDUE = 10 * 60_000;
/** What an entry takes beside its JSON, measured: the key, the maps, the print. */
const BYTES_PER_ENTRY = 1400;
/** How far the copies that peers send may go beyond the bound, so that all servers refuse before one cannot follow. */
const ROOM_FOR_PEERS = 1.1;

/** An entry as it is kept and sent: as text it takes half the memory that objects do. */
export interface Kept {
  readonly json: string;
  /** A hash of what the entry tells: equal on servers that hold the same. */
  readonly print: string;
  /** When it may be forgotten: a tombstone must outlive every copy of its session. */
  readonly end: number;
  readonly kind: 'sessions' | 'tombstones' | 'epochs';
  readonly userId: string | null;
}

export interface Bounds {
  readonly maxSessions: number;
  readonly maxBytes: number;
}

export class Copies {
  /** Stamps this server's own changes. */
  readonly clock: HybridClock;
  sessions = 0;
  tombstones = 0;
  epochs = 0;
  bytes = 0;
  private nextToSweep = 0;
  private readonly shards = Array.from({ length: BUCKETS }, () => new Map<Key, Kept>());
  private readonly sums = Buffer.alloc(BUCKETS * PRINT_BYTES);
  private readonly byUser = new Map<string, Set<string>>();

  constructor(
    serverName: string,
    private readonly bounds: Bounds,
    private readonly counters: Counters,
    readonly now: () => number,
  ) {
    this.clock = new HybridClock(serverName, now);
  }

  /** This server's copy of the session, live or ended; undefined when it has none, or it ended long ago. */
  session(id: string): Replica | undefined {
    const kept = this.kept(id);
    return kept && !this.isOverdue(kept.end) ? (JSON.parse(kept.json) as Replica) : undefined;
  }

  kept(key: Key): Kept | undefined {
    return this.shards[bucketOf(key)].get(key);
  }

  epochsOf(userId: string): Epochs {
    const kept = this.kept(`@${userId}`);
    return kept ? (JSON.parse(kept.json) as Epochs) : { userId, raised: {} };
  }

  /** The user's epoch. */
  epochOf(userId: string): number {
    return Object.values(this.epochsOf(userId).raised).reduce((sum, count) => sum + count, 0);
  }

  sessionsOf(userId: string): Replica[] {
    return [...(this.byUser.get(userId) ?? [])].flatMap((id) => this.session(id) ?? []);
  }

  /**
   * Joins this to what is there. Returns whether that changed anything here.
   * @throws StoreUnavailableError when it is new, or has grown, and there is no room.
   */
  put(entry: Entry, fromPeer: boolean): boolean {
    if (this.isOverdue(endOf(entry))) return false;
    const key = keyOf(entry);
    const before = this.kept(key);
    const print = printOf(entry);
    if (before?.print === print) return false;
    const known = before && (JSON.parse(before.json) as Entry);
    const joined = known ? join(known, entry) : entry;
    if (joined === known) return false;
    const after = keptOf(joined, joined === entry ? print : printOf(joined));
    // A tombstone or an epoch is always taken: both end sessions.
    if (after.kind === 'sessions') this.assertRoom(before, after, fromPeer);
    this.replace(key, before, after);
    return true;
  }

  /** See `SessionRoom`. */
  get isForUsersOnly(): boolean {
    const { maxSessions, maxBytes } = this.bounds;
    return this.sessions >= VISITORS_PART * maxSessions || this.bytes >= VISITORS_PART * maxBytes;
  }

  /** Joins what a peer has sent to what is here; returns how many entries changed something. */
  take(entries: Iterable<Entry>): number {
    let changed = 0;
    for (const entry of entries) {
      if ('id' in entry) this.clock.witness(latestMoment(entry));
      if (this.put(entry, true)) changed++;
    }
    return changed;
  }

  /** As `take`, of what only a comparison has brought: counted. */
  repair(entries: readonly Entry[]): void {
    this.counters.repaired += this.take(entries);
  }

  /** Removes what ended before this moment, at most `limit`; returns how many. */
  sweep(before: number, limit: number): number {
    let removed = 0;
    for (let bucket = 0; bucket < BUCKETS && removed < limit; bucket++)
      removed += this.sweepBucket(bucket, before, limit - removed);
    return removed;
  }

  /** Removes what no server needs any more from the next bucket. */
  sweepNext(): void {
    this.sweepBucket(this.nextToSweep, this.now() - OVERDUE, Infinity);
    this.nextToSweep = (this.nextToSweep + 1) % BUCKETS;
  }

  /** Forgets the live sessions, and keeps what ends sessions. */
  forgetSessions(): void {
    for (const shard of this.shards)
      for (const [key, kept] of shard) if (kept.kind === 'sessions') this.replace(key, kept, undefined);
  }

  /** Puts back what was kept under this key, or nothing. */
  restore(key: Key, kept: Kept | undefined): void {
    this.replace(key, this.kept(key), kept);
  }

  private sweepBucket(bucket: number, before: number, limit: number): number {
    let removed = 0;
    for (const [key, kept] of this.shards[bucket]) {
      if (removed >= limit) break;
      if (kept.end >= before) continue;
      this.replace(key, kept, undefined);
      removed++;
    }
    return removed;
  }

  private isOverdue(end: number): boolean {
    return end < this.now() - OVERDUE;
  }

  /** The sums of all buckets' prints: equal on servers that hold the same. */
  digest(): string {
    return this.sums.toString('hex');
  }

  /** The buckets in which a server with this digest holds something else. */
  differing(digest: string): number[] {
    const theirs = Buffer.from(digest, 'hex');
    const part = (sums: Buffer, bucket: number) => sums.subarray(bucket * PRINT_BYTES, (bucket + 1) * PRINT_BYTES);
    return this.shards.flatMap((_, bucket) => (part(this.sums, bucket).equals(part(theirs, bucket)) ? [] : [bucket]));
  }

  *bucket(bucket: number): Generator<readonly [Key, Kept]> {
    for (const pair of this.shards[bucket]) if (!this.isOverdue(pair[1].end)) yield pair;
  }

  /** All entries as JSON. */
  *all(): Generator<string> {
    for (const shard of this.shards) for (const { json, end } of shard.values()) if (!this.isOverdue(end)) yield json;
  }

  private assertRoom(before: Kept | undefined, after: Kept, fromPeer: boolean): void {
    const growth = bytesOf(after) - (before ? bytesOf(before) : 0);
    if (growth <= 0) return;
    const { maxSessions, maxBytes } = this.bounds;
    const room = fromPeer ? ROOM_FOR_PEERS : 1;
    const full = (what: string, option: string) =>
      new StoreUnavailableError(`This server has no room for another session: it holds ${what}. Raise ${option}.`);
    if (!before && this.sessions + 1 > maxSessions * room) throw full(`${this.sessions} sessions`, 'maxSessions');
    if (this.bytes + growth > maxBytes * room) throw full(`${this.bytes} of ${maxBytes} bytes`, 'maxBytes');
  }

  private replace(key: Key, before: Kept | undefined, after: Kept | undefined): void {
    const bucket = bucketOf(key);
    if (before) this.count(bucket, key, before, -1);
    if (after) {
      this.shards[bucket].set(key, after);
      this.count(bucket, key, after, 1);
    } else this.shards[bucket].delete(key);
  }

  private count(bucket: number, key: Key, kept: Kept, sign: 1 | -1): void {
    const bits = Buffer.from(kept.print, 'hex');
    for (let i = 0; i < PRINT_BYTES; i++) this.sums[bucket * PRINT_BYTES + i] ^= bits[i];
    this.bytes += sign * bytesOf(kept);
    this[kept.kind] += sign;
    if (kept.kind === 'sessions' && kept.userId !== null) this.index(kept.userId, key, sign);
  }

  private index(userId: string, id: string, sign: 1 | -1): void {
    const ids = this.byUser.get(userId) ?? new Set();
    if (sign > 0) this.byUser.set(userId, ids.add(id));
    else if (ids.delete(id) && ids.size === 0) this.byUser.delete(userId);
  }
}

function join(a: Entry, b: Entry): Entry {
  if ('id' in a && 'id' in b) return joinReplicas(a, b);
  if ('id' in a || 'id' in b) return a;
  const raised: Record<string, number> = { ...a.raised };
  for (const [origin, count] of Object.entries(b.raised)) raised[origin] = Math.max(raised[origin] ?? 0, count);
  return Object.entries(raised).every(([origin, count]) => a.raised[origin] === count) ? a : { ...a, raised };
}

function keptOf(entry: Entry, print: string): Kept {
  const [json, end] = [JSON.stringify(entry), endOf(entry)];
  if (!('id' in entry)) return { json, print, end, kind: 'epochs', userId: entry.userId };
  if (entry.ended) return { json, print, end, kind: 'tombstones', userId: null };
  return { json, print, end, kind: 'sessions', userId: (entry.owner.value as { userId: string | null }).userId };
}

function bytesOf({ json }: Kept): number {
  return json.length + BYTES_PER_ENTRY;
}

function endOf(entry: Entry): number {
  if (!('id' in entry)) return Infinity;
  return entry.ended ? entry.endsAt : Math.min(entry.idleEndsAt, entry.endsAt);
}

/** A hash of what the entry tells. */
export function printOf(entry: Entry): string {
  const told = 'id' in entry ? fingerprint(entry) : JSON.stringify(Object.entries(entry.raised).sort());
  return hash('sha256', `${keyOf(entry)} ${told}`, 'buffer').toString('hex', 0, PRINT_BYTES);
}

/** Ids end in random digits. */
function bucketOf(key: Key): number {
  return parseInt((key.startsWith('@') ? hash('sha256', key, 'hex') : key).slice(-2), 16) % BUCKETS;
}
