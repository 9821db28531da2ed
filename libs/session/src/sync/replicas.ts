// What this server holds: its copies of the sessions and epochs, found by id and by user, summed up in a digest.
import { hash } from 'node:crypto';
import { StoreUnavailableError } from '../errors.js';
import { fingerprint, joinReplicas, type Replica } from '../replica/replica.js';
import { keyOf, type Entry, type Epochs, type Key } from './messages.js';

export const BUCKETS = 256;
/** Bytes of a print that count in the digest. */
const PRINT_BYTES = 8;
/** Characters of a digest. */
export const DIGEST_LENGTH = BUCKETS * PRINT_BYTES * 2;

/** Ended sessions are kept this long, in milliseconds, so that servers' clocks may differ. */
const OVERDUE = 10 * 60_000;
/** What an entry takes beside its JSON, measured: objects, maps, the print. */
const BYTES_PER_ENTRY = 900;
/** How far the copies that peers send may go beyond the bound, so that all servers refuse before one cannot follow. */
const ROOM_FOR_PEERS = 1.1;

interface Kept {
  readonly entry: Entry;
  /** A hash of what the entry tells: equal on servers that hold the same. */
  readonly print: string;
  readonly bytes: number;
}

export interface Bounds {
  readonly maxSessions: number;
  readonly maxBytes: number;
}

export class Replicas {
  sessions = 0;
  tombstones = 0;
  epochs = 0;
  bytes = 0;
  private readonly shards = Array.from({ length: BUCKETS }, () => new Map<Key, Kept>());
  private readonly sums = Buffer.alloc(BUCKETS * PRINT_BYTES);
  private readonly byUser = new Map<string, Set<string>>();

  constructor(
    private readonly bounds: Bounds,
    private readonly now: () => number,
  ) {}

  /** This server's copy of the session, live or ended; undefined when it has none, or it ended long ago. */
  session(id: string): Replica | undefined {
    const copy = this.kept(id)?.entry as Replica | undefined;
    return copy && !this.isOverdue(copy) ? copy : undefined;
  }

  entry(key: Key): Entry | undefined {
    return this.kept(key)?.entry;
  }

  print(key: Key): string | undefined {
    return this.kept(key)?.print;
  }

  epochsOf(userId: string): Epochs {
    return (this.kept(`@${userId}`)?.entry as Epochs | undefined) ?? { userId, raised: {} };
  }

  /** The user's epoch. */
  epochOf(userId: string): number {
    return Object.values(this.epochsOf(userId).raised).reduce((sum, count) => sum + count, 0);
  }

  sessionsOf(userId: string): Replica[] {
    const copies = [...(this.byUser.get(userId) ?? [])].map((id) => this.session(id));
    return copies.filter((copy) => copy !== undefined && !copy.ended) as Replica[];
  }

  /**
   * Joins this to what is there. Returns whether that changed anything here.
   * @throws StoreUnavailableError when it is new, or has grown, and there is no room.
   */
  put(entry: Entry, fromPeer: boolean): boolean {
    if (this.isOverdue(entry)) return false;
    const key = keyOf(entry);
    const before = this.kept(key);
    const joined = before ? join(before.entry, entry) : entry;
    if (before && joined === before.entry) return false;
    const bytes = JSON.stringify(joined).length + BYTES_PER_ENTRY;
    // Whatever ends sessions is always taken.
    if (bytes > (before?.bytes ?? 0) && 'id' in joined && !joined.ended) this.assertRoom(before, bytes, fromPeer);
    this.replace(key, before, { entry: joined, print: printOf(joined), bytes });
    return true;
  }

  /** Removes what ended before this moment, at most `limit`; returns how many. */
  sweep(before: number, limit: number): number {
    let removed = 0;
    for (const shard of this.shards) {
      for (const [key, kept] of shard) {
        if (removed >= limit) return removed;
        if (endOf(kept.entry) >= before) continue;
        this.replace(key, kept, undefined);
        removed++;
      }
    }
    return removed;
  }

  /** Removes what no server needs any more. */
  sweepOverdue(limit: number): number {
    return this.sweep(this.now() - OVERDUE, limit);
  }

  isOverdue(entry: Entry): boolean {
    return endOf(entry) < this.now() - OVERDUE;
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
    for (const pair of this.shards[bucket]) if (!this.isOverdue(pair[1].entry)) yield pair;
  }

  *all(): Generator<Entry> {
    for (const shard of this.shards) for (const { entry } of shard.values()) if (!this.isOverdue(entry)) yield entry;
  }

  private kept(key: Key): Kept | undefined {
    return this.shards[bucketOf(key)].get(key);
  }

  private assertRoom(before: Kept | undefined, bytes: number, fromPeer: boolean): void {
    const { maxSessions, maxBytes } = this.bounds;
    const room = fromPeer ? ROOM_FOR_PEERS : 1;
    const full = (what: string, option: string) =>
      new StoreUnavailableError(`No room for another session: this server holds ${what}. Raise ${option}.`);
    if (!before && this.sessions + 1 > maxSessions * room) throw full(`${this.sessions} sessions`, 'maxSessions');
    const total = this.bytes + bytes - (before?.bytes ?? 0);
    if (total > maxBytes * room) throw full(`${this.bytes} of ${maxBytes} bytes`, 'maxBytes');
  }

  private replace(key: Key, before: Kept | undefined, after: Kept | undefined): void {
    const bucket = bucketOf(key);
    if (before) this.count(bucket, before, -1);
    if (after) {
      this.shards[bucket].set(key, after);
      this.count(bucket, after, 1);
    } else this.shards[bucket].delete(key);
  }

  private count(bucket: number, { entry, print, bytes }: Kept, sign: 1 | -1): void {
    const bits = Buffer.from(print, 'hex');
    for (let i = 0; i < PRINT_BYTES; i++) this.sums[bucket * PRINT_BYTES + i] ^= bits[i];
    this.bytes += sign * bytes;
    if (!('id' in entry)) this.epochs += sign;
    else if (entry.ended) this.tombstones += sign;
    else {
      this.sessions += sign;
      const { userId } = entry.owner.value as { userId: string | null };
      if (userId !== null) this.index(userId, entry.id, sign);
    }
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

/** When an entry may be forgotten: a tombstone must outlive every copy of its session. */
function endOf(entry: Entry): number {
  if (!('id' in entry)) return Infinity;
  return entry.ended ? entry.endsAt : Math.min(entry.idleEndsAt, entry.endsAt);
}

/** See `Kept.print`. */
export function printOf(entry: Entry): string {
  const told = 'id' in entry ? fingerprint(entry) : JSON.stringify(Object.entries(entry.raised).sort());
  return hash('sha256', `${keyOf(entry)} ${told}`, 'buffer').toString('hex', 0, PRINT_BYTES);
}

/** Ids end in random digits. */
function bucketOf(key: Key): number {
  return parseInt((key.startsWith('@') ? hash('sha256', key, 'hex') : key).slice(-2), 16) % BUCKETS;
}
