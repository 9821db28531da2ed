// An express-session session as a record's content: its keys, with the cookie's expiry kept as the idle limit.
import { hash, randomBytes } from 'node:crypto';
import type { Codec } from '../core/codec.js';
import { SessionUsageError } from '../core/errors.js';
import type { ExpressSession } from './express-session.js';
import type { Json, SessionData, SessionRecord } from '../port/records.js';

/** Stands for a cookie's `expires` that is the record's `idleEndsAt`: so a touch moves both and writes no content. */
const IDLE = 'idle';

/** What express-session hands over to be kept. */
export interface Packed {
  readonly data: SessionData;
  /** When its cookie expires, in milliseconds since 1970; undefined when the cookie ends with the browser. */
  readonly expires: number | undefined;
}

/** What express-session is given back. */
export interface Unpacked {
  readonly session: ExpressSession;
  readonly data: SessionData;
  /** When it ends. */
  readonly endsAt: number;
  /** The cookie expires before the idle limit does, which never moves back. */
  readonly isShortened: boolean;
}

/** @throws TypeError for what JSON cannot carry, as express-session's own store does. */
export function pack(session: ExpressSession): Packed {
  const { cookie, ...data } = JSON.parse(JSON.stringify(session)) as Record<string, Json>;
  if (!isObject(cookie) || typeof cookie.expires !== 'string')
    return { data: cookie === undefined ? data : { cookie, ...data }, expires: undefined };
  return { data: { cookie: { ...cookie, expires: IDLE }, ...data }, expires: Date.parse(cookie.expires) };
}

/** The content with its cookie expiring then, in a record of this idle limit. */
export function withExpiry(data: SessionData, expires: number | undefined, idleEndsAt: number): SessionData {
  const { cookie } = data;
  if (expires === undefined || !isObject(cookie)) return data;
  return { ...data, cookie: { ...cookie, expires: expires < idleEndsAt ? new Date(expires).toISOString() : IDLE } };
}

/** Undefined when the payload is damaged. */
export function unpack(codec: Codec, { payload, idleEndsAt, endsAt }: SessionRecord): Unpacked | undefined {
  const data = codec.decode(payload)?.data;
  if (!data) return undefined;
  const end = Math.min(idleEndsAt, endsAt);
  const { cookie } = data;
  if (!isObject(cookie) || typeof cookie.expires !== 'string')
    return { session: copyOf(data), data, endsAt: end, isShortened: false };
  const isShortened = cookie.expires !== IDLE;
  const expires = isShortened ? cookie.expires : new Date(idleEndsAt).toISOString();
  return {
    session: copyOf({ ...data, cookie: { ...cookie, expires } }),
    data: { ...data, cookie: { ...cookie, expires: IDLE } },
    endsAt: Math.min(end, Date.parse(expires)),
    isShortened,
  };
}

/** @throws SessionUsageError when it is too large, or holds a key that reaches an object's prototype. */
export function encode(codec: Codec, data: SessionData): string {
  const payload = codec.encode({ data, remember: false, schema: codec.schema });
  if (payload.includes('"__proto__"') && !codec.decode(payload))
    throw new SessionUsageError(
      'The session contains the key "__proto__", which would reach an object\'s prototype: rename it.',
    );
  return payload;
}

export function hashOf(sid: string): string {
  return hash('sha256', sid, 'base64url');
}

/**
 * The id under which a session of this sid is kept. A sid does not tell when it was made, so the id's time is 1970.
 * 80 bits tell sids apart; a reader compares the record's whole hash with the sid's.
 */
export function idOf(sid: string, which: string): string {
  return '0'.repeat(12) + hash('sha256', `${which} ${sid}`).slice(0, 20);
}

export function newWriteId(): string {
  return randomBytes(6).toString('base64url');
}

function copyOf(data: SessionData): ExpressSession {
  return structuredClone(data) as unknown as ExpressSession;
}

function isObject(value: Json | undefined): value is { readonly [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
