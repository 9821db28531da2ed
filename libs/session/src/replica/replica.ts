// A session of which several copies are written at once: every key carries the stamp of its last write, and two copies
// are joined key by key, in any order and any number of times, with the same outcome everywhere.
import { changesBetween, joinWrites } from '../core/merge.js';
import type { Json, Mark, SessionData, SessionRecord, SessionSecrets } from '../port/records.js';
import { MOMENT_LENGTH, momentOf, ORIGIN_LENGTH, originOf, type Moment, type Stamp } from './hybrid-clock.js';

/** A value and when it was written; without `value` the key was deleted then. */
interface Register {
  readonly stamp: Stamp;
  readonly value?: Json;
}

/** One copy of a session. JSON. */
export interface Replica {
  readonly id: string;
  readonly version: number;
  /** Ended for good: beats every write, early or late. */
  readonly ended: boolean;
  readonly idleEndsAt: number;
  readonly endsAt: number;
  /** By server (`HybridClock.origin`) the moment of its last write that is contained here. */
  readonly seen: Readonly<Record<string, Moment>>;
  readonly writes: readonly string[];
  readonly secrets: Register;
  readonly owner: Register;
  /** The payload's fields but the content: schema version, "remember"; the payload itself where it has no such shape. */
  readonly head: Register;
  readonly data: Readonly<Record<string, Register>>;
}

const CHUNK = MOMENT_LENGTH + ORIGIN_LENGTH;
const MARK = new RegExp(`^([0-9a-z]{${MOMENT_LENGTH}}[A-Za-z0-9_-]{${ORIGIN_LENGTH}})*$`);

/** The first copy of a new session. */
export function createReplica(record: SessionRecord, stamp: Stamp): Replica {
  const { id, version, idleEndsAt, endsAt, writes } = record;
  const { d, head } = split(record.payload);
  const register = (value: Json): Register => ({ stamp, value });
  return {
    id,
    version,
    ended: false,
    idleEndsAt,
    endsAt,
    seen: { [originOf(stamp)]: momentOf(stamp) },
    writes,
    secrets: register({ ...record.secrets }),
    owner: register(owner(record)),
    head: register(head),
    data: Object.fromEntries(Object.entries(d).map(([key, value]) => [key, register(value)])),
  };
}

/** The copy with what differs between `base` and `record` laid over it. An ended copy stays as it is. */
export function updateReplica(copy: Replica, record: SessionRecord, base: SessionRecord, stamp: Stamp): Replica {
  if (copy.ended) return copy;
  const { d: before, head: oldHead } = split(base.payload);
  const { d: after, head: newHead } = split(record.payload);
  const data: Record<string, Register> = { ...copy.data };
  for (const [key, value] of changesBetween(before, after)) {
    data[key] = value === undefined ? { stamp } : { stamp, value };
  }
  const changed = (register: Register, old: Json, value: Json): Register =>
    JSON.stringify(old) === JSON.stringify(value) ? register : { stamp, value };
  return {
    ...copy,
    version: copy.version + 1,
    idleEndsAt: Math.max(copy.idleEndsAt, record.idleEndsAt),
    seen: { ...copy.seen, [originOf(stamp)]: momentOf(stamp) },
    writes: joinWrites(copy.writes, record.writes),
    secrets: changed(copy.secrets, { ...base.secrets }, { ...record.secrets }),
    owner: changed(copy.owner, owner(base), owner(record)),
    head: changed(copy.head, oldHead, withEarlierEnd(newHead, oldHead, copy.head.value)),
    data,
  };
}

export function touchReplica(copy: Replica, idleEndsAt: number): Replica {
  return copy.ended || copy.idleEndsAt >= idleEndsAt ? copy : { ...copy, idleEndsAt };
}

/** The tombstone: it holds nothing of the content. */
export function endReplica(copy: Replica, stamp: Stamp): Replica {
  if (copy.ended) return copy;
  const seen = { ...copy.seen, [originOf(stamp)]: momentOf(stamp) };
  return { ...copy, version: copy.version + 1, ended: true, seen, ...emptied(stamp) };
}

/** The tombstone of a session that this server has no copy of: it beats the copy when that arrives. */
export function tombstoneOf(id: string, endsAt: number, stamp: Stamp): Replica {
  const seen = { [originOf(stamp)]: momentOf(stamp) };
  return { id, version: 1, ended: true, idleEndsAt: endsAt, endsAt, seen, ...emptied(stamp) };
}

function emptied(stamp: Stamp) {
  const none: Register = { stamp };
  return { writes: [], secrets: none, owner: none, head: none, data: {} };
}

/** What both copies know together. Returns `a` itself when `b` adds nothing to it. */
export function joinReplicas(a: Replica, b: Replica): Replica {
  const joined = joinAll(a, b);
  if (same(joined, a)) return a;
  if (same(joined, b)) return b;
  // A touch is no version of its own.
  const isTouched = covers(a, markOf(b)) || covers(b, markOf(a));
  return isTouched ? joined : { ...joined, version: joined.version + 1 };
}

function joinAll(a: Replica, b: Replica): Replica {
  const ended = a.ended || b.ended;
  const common = {
    id: a.id,
    version: Math.max(a.version, b.version),
    ended,
    idleEndsAt: Math.max(a.idleEndsAt, b.idleEndsAt),
    endsAt: Math.max(a.endsAt, b.endsAt),
    seen: joinRecords(a.seen, b.seen, (x, y) => (x >= y ? x : y)),
    secrets: later(a.secrets, b.secrets),
    owner: later(a.owner, b.owner),
    head: later(a.head, b.head),
  };
  if (ended) return { ...common, ...emptied(common.secrets.stamp) };
  return { ...common, writes: joinWrites(a.writes, b.writes), data: joinRecords(a.data, b.data, later) };
}

function joinRecords<T>(
  a: Readonly<Record<string, T>>,
  b: Readonly<Record<string, T>>,
  join: (x: T, y: T) => T,
): Record<string, T> {
  const joined: Record<string, T> = { ...a };
  for (const [key, value] of Object.entries(b)) joined[key] = Object.hasOwn(a, key) ? join(a[key], value) : value;
  return joined;
}

function later(x: Register, y: Register): Register {
  return x.stamp >= y.stamp ? x : y;
}

/** Whether two copies tell the same: stamps are never used twice, so the stamps say it. */
function same(a: Replica, b: Replica): boolean {
  return a === b || fingerprint(a) === fingerprint(b);
}

/** The same text for copies that tell the same, on every server: what digests are made of. */
export function fingerprint({ ended, idleEndsAt, endsAt, seen, secrets, owner: whose, head, data }: Replica): string {
  const sorted = (record: Readonly<Record<string, string>>) =>
    Object.keys(record)
      .sort()
      .map((key) => [key, record[key]]);
  if (ended) return JSON.stringify([true, endsAt]);
  const stamps = Object.fromEntries(Object.entries(data).map(([key, { stamp }]) => [key, stamp]));
  return JSON.stringify([idleEndsAt, endsAt, sorted(seen), secrets.stamp, whose.stamp, head.stamp, sorted(stamps)]);
}

/** The latest moment in the copy, for a clock to witness. */
export function latestMoment({ seen }: Replica): Moment {
  return Object.values(seen).reduce((latest, moment) => (moment > latest ? moment : latest), '');
}

/** The copy as the module knows sessions. The copy must be live. */
export function toRecord(copy: Replica): SessionRecord {
  const { id, version, idleEndsAt, endsAt, writes } = copy;
  const data: Record<string, Json> = {};
  for (const [key, { value }] of Object.entries(copy.data)) if (value !== undefined) data[key] = value;
  const { userId, epoch } = copy.owner.value as { userId: string | null; epoch: number };
  const head = copy.head.value;
  return {
    id,
    version,
    secrets: copy.secrets.value as unknown as SessionSecrets,
    payload: typeof head === 'string' ? head : JSON.stringify({ ...(head as object), d: data }),
    idleEndsAt,
    endsAt,
    userId,
    epoch,
    writes,
  };
}

/** Tells how new this copy is: see `covers`. */
export function markOf({ seen }: Replica): Mark {
  return Object.keys(seen)
    .sort()
    .map((origin) => seen[origin] + origin)
    .join('');
}

/** Whether this copy contains all that the mark says was seen. A mark of another kind says nothing. */
export function covers({ seen, ended }: Replica, mark: Mark): boolean {
  if (ended || !MARK.test(mark)) return true;
  for (let at = 0; at < mark.length; at += CHUNK) {
    const stamp = mark.slice(at, at + CHUNK);
    if (!((seen[originOf(stamp)] ?? '') >= momentOf(stamp))) return false;
  }
  return true;
}

/**
 * An end that another request has brought forward since `base` was read stays: see `Codec`, which reads it where it stands.
 */
function withEarlierEnd(next: Json, base: Json, now: Json | undefined): Json {
  if (!isObject(next) || !isObject(now) || JSON.stringify(base) === JSON.stringify(now)) return next;
  const { e, m = null } = now;
  if (typeof e !== 'number' || (typeof next.e === 'number' && next.e <= e)) return next;
  const { v, r, ...others } = next;
  return { v, r, ...others, e, m };
}

function isObject(value: Json | undefined): value is { readonly [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The content by key, and what is beside it. A payload of another shape is kept whole: a store does not judge it. */
function split(payload: string): { d: SessionData; head: Json } {
  try {
    const { d, ...head } = JSON.parse(payload) as Record<string, Json>;
    // An own "__proto__" would be lost on its way through objects.
    if (typeof d === 'object' && d !== null && !Array.isArray(d) && !Object.hasOwn(d, '__proto__')) {
      return { d: d as SessionData, head };
    }
  } catch {
    // Not JSON.
  }
  return { d: {}, head: payload };
}

function owner({ userId, epoch }: SessionRecord): Json {
  return { userId, epoch };
}
