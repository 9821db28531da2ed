// The messages between servers, and the strict check of everything that comes in.
import { MOMENT_LENGTH, ORIGIN_LENGTH } from '../../replica/hybrid-clock.js';
import type { Replica } from '../../replica/replica.js';
import type { SessionRecord, WriteResult } from '../../port/records.js';
import type { LeaseAnswer, LeaseRequest } from './leadership.js';
import {
  checked,
  has,
  isBoolean,
  isCount,
  isObject,
  isText,
  isTime,
  listOf,
  mapOf,
  text,
  type Fields,
} from './checks.js';
import { MalformedError } from './framed-socket.js';

export const PROTOCOL = 1;

/** The first message of either side. */
export interface Hello {
  readonly protocol: number;
  readonly name: string;
  /** Random, anew at each start: tells a server from itself and from another of the same name. */
  readonly instance: string;
  /** '' for both ways, else the server that leads, or the order of succession. */
  readonly writer: string;
  /** It has joined, and serves requests. */
  readonly serving: boolean;
  /** The sender's clock, milliseconds since 1970. */
  readonly now: number;
}

/**
 * How often each server has raised a user's epoch, counted anew at each of its starts: the epoch is their sum, so that no
 * raise is ever lost in a merge.
 */
export interface Epochs {
  readonly userId: string;
  readonly raised: Readonly<Record<string, number>>;
}

/** What servers hold copies of. */
export type Entry = Replica | Epochs;

/** Names an entry: a session's id, or `@` and a user's. */
export type Key = string;

export function keyOf(entry: Entry): Key {
  return 'id' in entry ? entry.id : `@${entry.userId}`;
}

/** What the answering server knows of the asking one, and how it stands itself. */
export interface Standing {
  /** It sends its changes to the asking server. */
  readonly linked: boolean;
  /** It has joined, and serves requests. */
  readonly serving: boolean;
}

export interface DigestAnswer extends Standing {
  /** See `Copies.digest`. */
  readonly digest: string;
}

export interface BucketQuestion {
  readonly bucket: number;
  /** Each entry that the asking server has there, and its print. */
  readonly have: readonly (readonly [Key, string])[];
}

export interface BucketAnswer {
  /** What the asking server lacks, or has otherwise. */
  readonly entries: readonly Entry[];
  /** True when there was no room for all: ask again. */
  readonly more: boolean;
}

/** Requests and their answers, by name. */
export interface Requests {
  hello: [Hello, Hello];
  ping: [null, Standing];
  put: [readonly Entry[], null];
  get: [Key, Entry | null];
  digest: [null, DigestAnswer];
  bucket: [BucketQuestion, BucketAnswer];
  write: [Write, unknown];
  lease: [LeaseRequest, LeaseAnswer];
  replicate: [Replication, null];
}

/** What a leader has written in this term. */
export interface Replication {
  readonly term: number;
  readonly entries: readonly Entry[];
}

/** A write that a follower sends to the server that leads. */
export type Write =
  | readonly ['create', SessionRecord]
  | readonly ['update', SessionRecord, SessionRecord]
  | readonly ['touch', string, number]
  | readonly ['destroy', string, number | null]
  | readonly ['raiseEpoch', string]
  | readonly ['entomb', string, number];

export type WriteAnswer<W extends Write> = W[0] extends 'raiseEpoch'
  ? number
  : W[0] extends 'touch' | 'entomb'
    ? null
    : WriteResult;

const ID = /^[0-9a-f]{32}$/;
const ORIGIN = new RegExp(`^[A-Za-z0-9_-]{${ORIGIN_LENGTH}}$`);
const MOMENT = new RegExp(`^[0-9a-z]{${MOMENT_LENGTH}}$`);
const STAMP = new RegExp(`^[0-9a-z]{${MOMENT_LENGTH}}[A-Za-z0-9_-]{${ORIGIN_LENGTH}}$`);
const PRINT = /^[0-9a-f]{16}$/;
const NAME = /^[\w.:-]{1,100}$/;
/** Clocks that differ by more are out of order: stamps of the far future would win for ever. */
const MAX_LEAD = 24 * 3_600_000;

export function isServerName(name: string): boolean {
  return NAME.test(name);
}

const isUserId = (value: unknown) => isText(value) && value.length > 0;
const isWrites = listOf((value) => isText(value) && value.length <= 1000, 100);

function isSecrets(value: unknown): boolean {
  if (!isObject(value) || !isText(value.current) || !isTime(value.since)) return false;
  const optional: Fields = { next: isText, previous: isText, previousUntil: isTime };
  return Object.entries(value).every(
    ([name, field]) =>
      name === 'current' ||
      name === 'since' ||
      (Object.hasOwn(optional, name) && (optional[name] as typeof isTime)(field)),
  );
}

const isOwner = (value: unknown) => has(value, { userId: (id) => id === null || isUserId(id), epoch: isCount });
const isEmptied = (value: unknown) => has(value, { stamp: text(STAMP) });
const registerOf = (check: (value: unknown) => boolean) => (value: unknown) =>
  has(value, { stamp: text(STAMP), value: check });
const anyRegister = registerOf(() => true);
const isData = (value: unknown) =>
  isObject(value) &&
  Object.entries(value).every(([key, kept]) => key !== '__proto__' && (anyRegister(kept) || isEmptied(kept)));

function isReplica(value: unknown): boolean {
  const ended = isObject(value) && value.ended === true;
  return has(value, {
    id: text(ID),
    version: isCount,
    ended: isBoolean,
    idleEndsAt: isTime,
    endsAt: isTime,
    seen: mapOf(ORIGIN, text(MOMENT)),
    writes: isWrites,
    secrets: ended ? isEmptied : registerOf(isSecrets),
    owner: ended ? isEmptied : registerOf(isOwner),
    head: ended ? isEmptied : registerOf(isObject),
    data: ended ? (data) => isObject(data) && Object.keys(data).length === 0 : isData,
  });
}

const isEpochs = (value: unknown) => has(value, { userId: isUserId, raised: mapOf(ORIGIN, isCount) });

const isKey = (value: unknown) => isText(value) && (ID.test(value) || /^@./s.test(value));

function isRecord(value: unknown): boolean {
  return has(value, {
    id: text(ID),
    version: isCount,
    secrets: isSecrets,
    payload: isText,
    idleEndsAt: isTime,
    endsAt: isTime,
    userId: (id) => id === null || isUserId(id),
    epoch: isCount,
    writes: isWrites,
  });
}

function isWrite(value: unknown): boolean {
  if (!Array.isArray(value)) return false;
  const checks: Readonly<Record<string, readonly ((field: unknown) => boolean)[]>> = {
    create: [isRecord],
    update: [isRecord, isRecord],
    touch: [text(ID), isTime],
    destroy: [text(ID), (version) => version === null || isCount(version)],
    raiseEpoch: [isUserId],
    entomb: [text(ID), isTime],
  };
  const [method, ...fields] = value as unknown[];
  const expected = isText(method) && Object.hasOwn(checks, method) ? checks[method] : undefined;
  return expected?.length === fields.length && expected.every((check, i) => check(fields[i]));
}

/** @throws MalformedError, as all of these */
export function asHello(value: unknown): Hello {
  const checks = {
    protocol: isCount,
    name: text(NAME),
    instance: isText,
    writer: isText,
    serving: isBoolean,
    now: isTime,
  };
  // A later protocol may say more.
  return checked('a hello', value, isObject(value) && Object.entries(checks).every(([name, is]) => is(value[name])));
}

/** No clock that is in order stamps later than this. */
function latestAt(now: number): string {
  return (now + MAX_LEAD).toString(36).padStart(9, '0');
}

/** @param now by this server's clock: stamps from the far future are refused */
export function asEntry(value: unknown, now: number): Entry {
  const entry = checked<Entry>('an entry', value, isReplica(value) || isEpochs(value));
  const limit = latestAt(now);
  if ('id' in entry) {
    const stamps = [entry.secrets, entry.owner, entry.head, ...Object.values(entry.data)].map(({ stamp }) => stamp);
    for (const stamp of [...Object.values(entry.seen), ...stamps])
      if (stamp > limit)
        throw new MalformedError('An entry has a time stamp in the future: check the clocks of the servers.');
  }
  return entry;
}

export function asEntries(value: unknown, now: number): Entry[] {
  return checked<unknown[]>('entries', value, Array.isArray(value)).map((entry) => asEntry(entry, now));
}

export function asReplication(value: unknown, now: number): Replication {
  const checks = { term: isCount, entries: Array.isArray };
  const { term, entries } = checked<Replication>('a replication', value, has(value, checks));
  return { term, entries: asEntries(entries, now) };
}

export function asKey(value: unknown): Key {
  return checked('a key', value, isKey(value));
}

export function asStanding(value: unknown): Standing {
  return checked('a standing', value, has(value, { linked: isBoolean, serving: isBoolean }));
}

export function asDigestAnswer(value: unknown, length: number): DigestAnswer {
  const checks = { linked: isBoolean, serving: isBoolean, digest: (d: unknown) => isText(d) && d.length === length };
  return checked('a digest', value, has(value, checks));
}

export function asBucketQuestion(value: unknown, buckets: number): BucketQuestion {
  const isPair = (pair: unknown) =>
    Array.isArray(pair) && pair.length === 2 && isKey(pair[0]) && text(PRINT)(pair[1] as unknown);
  const bucket = (n: unknown) => isCount(n) && (n as number) < buckets;
  return checked('a question', value, has(value, { bucket, have: listOf(isPair) }));
}

export function asBucketAnswer(value: unknown, now: number): BucketAnswer {
  const checks = { entries: Array.isArray, more: isBoolean };
  const answer = checked<BucketAnswer>('a bucket', value, has(value, checks));
  return { ...answer, entries: asEntries(answer.entries, now) };
}

export function asWrite(value: unknown): Write {
  return checked('a write', value, isWrite(value));
}

export function asWriteAnswer<W extends Write>(write: W, value: unknown): WriteAnswer<W> {
  if (write[0] === 'raiseEpoch') return checked('an epoch', value, isCount(value));
  if (write[0] === 'touch' || write[0] === 'entomb') return checked('an empty answer', value, value === null);
  const isOptional = (is: (field: unknown) => boolean) => (field: unknown) => field === undefined || is(field);
  const { status, record, mark, current } = isObject(value) ? value : {};
  const isRight =
    status === 'gone' ||
    (status === 'conflict' && isRecord(current)) ||
    (status === 'done' && isOptional(isRecord)(record) && isOptional(isText)(mark));
  return checked('an outcome', value, isRight);
}

const isMoment = (value: unknown) => value === '' || text(MOMENT)(value);

export function asLeaseRequest(value: unknown, now: number): LeaseRequest {
  const isStep = (step: unknown) => step === 'ask' || step === 'lead' || step === 'release';
  const isRight = has(value, { step: isStep, attempt: isCount, ceiling: isMoment });
  const request = checked<LeaseRequest>('a request for the lease', value, isRight);
  if (request.ceiling > latestAt(now)) throw new MalformedError('A ceiling from the future.');
  return request;
}

export function asLeaseAnswer(value: unknown): LeaseAnswer {
  return checked('an answer about the lease', value, has(value, { granted: isBoolean, floor: isMoment }));
}
