// The form in which a session is stored, read and written.

/** A JSON value: all that a session may hold. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** A session's content, one entry per top-level key of `req.session`. */
export type SessionData = Readonly<Record<string, Json>>;

/**
 * The stored form of a session. All times are milliseconds since 1970 by a web server's clock.
 * Stores keep every field and give each meaning only where this comment says so.
 */
export interface SessionRecord {
  /**
   * 16 bytes as 32 hex digits: the creation time in milliseconds (6 bytes, so that inserts append), then random ones.
   * It is not a secret: alone it opens nothing, so it may stand in logs and in the list of a user's sessions.
   */
  readonly id: string;
  /** 1 at creation, raised by exactly one at every `update`. */
  readonly version: number;
  /** SHA-256 of the token's secret, base64url; the token itself is never stored. */
  readonly secrets: SessionSecrets;
  /** The encoded content (see `codec.ts`): to the store a string that it does not look into. */
  readonly payload: string;
  /** The idle limit's end: moved forward by `touch` and `update`, never backward. */
  readonly idleEndsAt: number;
  /** The absolute limit's end: fixed at creation. */
  readonly endsAt: number;
  /** Whose session this is; null for a visitor. The key of `SessionIndex`. */
  readonly userId: string | null;
  /** The user's epoch when the session began; a session of an older epoch than its user's is over. */
  readonly epoch: number;
  /** The write ids of the last few writes, newest last: a repeated write finds itself here. */
  readonly writes: readonly string[];
}

/** The hashes of the secrets that open a session: one, and around a timed renewal its neighbour. */
export interface SessionSecrets {
  readonly current: string;
  /** When the last renewal (or the session) began; the next one is due an interval later. */
  readonly since: number;
  /** Handed out by a renewal and not yet seen back from the browser. */
  readonly next?: string;
  /** Replaced by a renewal: opens until `previousUntil`; after it, its use is theft. */
  readonly previous?: string;
  readonly previousUntil?: number;
}

/**
 * What a browser has seen of its session, to be handed back as `atLeast`. The record's version as decimal digits, or
 * what a store whose copies are not ordered by the version says instead: up to 1,000 letters, digits, `-` and `_`.
 */
export type Mark = string;

/** What a read found: the record and, for a signed-in one, its user's epoch as it is now. */
export interface Found {
  readonly record: SessionRecord;
  readonly userEpoch: number;
  /** Default: the record's version. */
  readonly mark?: Mark;
}

/**
 * How a write ended. `conflict` brings the record as it is now; `gone` means ended or never there. `done` brings a
 * record only when what is stored is not the written one: merged with what others had written, or there before. `ended`
 * says that a create has ended another session too.
 */
export type WriteResult =
  | { readonly status: 'done'; readonly record?: SessionRecord; readonly mark?: Mark; readonly ended?: true }
  | { readonly status: 'conflict'; readonly current: SessionRecord }
  | { readonly status: 'gone' };
