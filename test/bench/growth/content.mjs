// What a generated session holds: ids in the order of their time, and the same content as everywhere in the benchmark.
import { createHash, randomBytes } from 'node:crypto';
import { contentOf } from '../variants/content.mjs';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
/** Generated sessions began within this time; all of them have "keep me signed in" and live on. */
export const SPREAD_MS = 14 * DAY;
/** A touch lets a session live on for so long: longer than any generated one would. */
export const TOUCHED_MS = SPREAD_MS + 2 * HOUR;
export const LIFETIME_MS = 30 * DAY;
/** Sessions of one user: those of a phone and of a laptop. */
export const SESSIONS_PER_USER = 2;
/** One user in this many has ended all sessions once, and so has an epoch. */
export const USERS_PER_EPOCH = 10;

/** The payload of every generated session, as the module encodes it: 350 bytes of content. */
export function payloadOf(userId) {
  return JSON.stringify({ v: 1, r: 1, d: contentOf(userId, 'small') });
}

/**
 * What an imagined site of so many sessions holds: the `n`th of them, of `count`, the oldest first. `mysql.mjs` has the
 * same in SQL.
 */
export class Generated {
  constructor(count, now) {
    Object.assign(this, { count, start: now - SPREAD_MS, stepMicros: Math.floor((SPREAD_MS * 1000) / (count + 1)) });
    this.users = Math.max(1, Math.ceil(count / SESSIONS_PER_USER));
    this.payload = payloadOf(this.userId(0));
  }

  createdAt(n) {
    return this.start + Math.floor((n * this.stepMicros) / 1000);
  }

  id(n) {
    return this.createdAt(n).toString(16).padStart(12, '0') + hex(`id ${n}`).slice(0, 20);
  }

  /** The sessions of one user began days apart. */
  userOf(n) {
    return n % this.users;
  }

  /** As long as a UUID, and in no order. */
  userId(user) {
    return hex(`user ${user}`).slice(0, 36);
  }

  epoch(user) {
    return user % USERS_PER_EPOCH === 0 ? 1 : 0;
  }

  record(n) {
    const [since, user] = [this.createdAt(n), this.userOf(n)];
    return {
      id: this.id(n),
      version: 1,
      secrets: { current: hex(`secret ${n}`).slice(0, 43), since },
      payload: this.payload,
      idleEndsAt: this.start + SPREAD_MS + HOUR + ((n * 7919) % 1_000_003) * 1209,
      endsAt: since + LIFETIME_MS,
      userId: this.userId(user),
      epoch: this.epoch(user),
      writes: [hex(`write ${n}`).slice(0, 8)],
    };
  }

  /** So many of them, evenly over all of their time. */
  evenly(amount) {
    const all = Math.min(amount, this.count);
    return Array.from({ length: all }, (_, i) => Math.floor((i * this.count) / all));
  }
}

/** A session that begins now. */
export function newRecord(userId, payload) {
  const now = Date.now();
  return {
    id: now.toString(16).padStart(12, '0') + randomBytes(10).toString('hex'),
    version: 1,
    secrets: { current: randomBytes(32).toString('base64url'), since: now },
    payload,
    idleEndsAt: now + 14 * DAY,
    endsAt: now + LIFETIME_MS,
    userId,
    epoch: 0,
    writes: [newWriteId()],
  };
}

/** The next version of a record, as the module makes it when one key has changed. */
export function changed(record) {
  const { d, ...frame } = JSON.parse(record.payload);
  const payload = JSON.stringify({ ...frame, d: { ...d, visits: d.visits + 1 } });
  const writes = [...record.writes, newWriteId()].slice(-16);
  return { ...record, version: record.version + 1, payload, writes };
}

const newWriteId = () => randomBytes(6).toString('base64url');
const hex = (text) => createHash('sha256').update(text).digest('hex');
