// The port: what a place that keeps sessions must do. Merging, retries, limits, hashing and cookies are the module's.

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

/** A mark as this store gave it out, without its method's name, which servers in the midst of a migration put before it. */
export function ownMark(mark: Mark | undefined, { method }: SessionCapabilities): Mark | undefined {
  return mark?.startsWith(`${method}_`) ? mark.slice(method.length + 1) : mark;
}

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

/** What all methods do alike: `SessionStore` adds reading, `SealedStore` leaves the session with the browser. */
export interface SessionWriter {
  /** What this store promises: its row of the promise table. The contract kit asserts exactly this. */
  readonly capabilities: SessionCapabilities;

  /**
   * Adds a record with a fresh id. Creating it again is done, not an error, and changes nothing: the result brings the
   * record that is there, which another try of the same request may have made. Where its tombstone lies it is `gone`.
   *
   * `instead` is a session that a login has left for this one. A store that can may end it in the same step, as `destroy`
   * would with its version, and then says `ended`; without that word nothing has become of it, and the caller ends it.
   */
  create(record: SessionRecord, instead?: SessionRecord): Promise<WriteResult>;

  /**
   * Puts `record` in the place of `base`, which the caller has read and whose successor it is (version raised by one).
   * With `capabilities.atomicUpdate` only if `base.version` is the stored one, else `conflict` and nothing is changed;
   * without it, what differs between the two is laid over what is stored. `idleEndsAt` never moves backward.
   */
  update(record: SessionRecord, base: SessionRecord): Promise<WriteResult>;

  /** Moves `idleEndsAt` forward; does nothing when the session is ended or already later. Does not raise the version. */
  touch(id: string, idleEndsAt: number): Promise<void>;

  /**
   * Ends the session for good: when this has returned, `find` gives undefined everywhere and no write brings it back;
   * the tombstone stays until `endsAt` of the record. Ending an ended or unknown session is done.
   * With `ifVersion` it ends only that version, else `conflict`.
   */
  destroy(id: string, ifVersion?: number): Promise<WriteResult>;

  /** Removes what ended before `before`, at most `limit` records; returns how many. Safe on all servers at once. */
  sweep(before: number, limit: number): Promise<number>;
}

/**
 * Keeps sessions and shares them between servers.
 *
 * Every method either answers or throws `StoreUnavailableError`; it never reports a fault as an absence. Every write
 * may be repeated by the caller or by the store when its answer was lost: writes are recognised by the last entry of
 * `record.writes`, so they count once. Nothing waits on a lock.
 */
export interface SessionStore extends SessionWriter {
  /**
   * The live record, or undefined when it was ended, has passed `endsAt`/`idleEndsAt` long enough to be cleaned up,
   * or never was. A store that can answer from several copies must not return one older than `atLeast`: it asks the
   * next copy, and throws when none is new enough. A mark that it cannot read, of another method, says nothing.
   */
  find(id: string, atLeast?: Mark): Promise<Found | undefined>;
}

/**
 * The session lives in the token itself: method `cookie`. The module seals a new token after each `create` and `update`
 * that is done, and instead of a touch; older tokens of the session stay usable until their own idle limit, so that of
 * parallel writes the one wins whose response the browser takes last. `destroy` ends them all.
 */
export interface SealedStore extends SessionWriter {
  /** As everywhere, and refuses what `seal` would. @throws SessionUsageError */
  create(record: SessionRecord, instead?: SessionRecord): Promise<WriteResult>;
  update(record: SessionRecord, base: SessionRecord): Promise<WriteResult>;
  /** @throws SessionUsageError when a browser would not keep so large a cookie. */
  seal(record: SessionRecord): string;
  /** The record in the token, whether or not it has ended; undefined for what is not exactly ours. */
  unseal(token: string): Unsealed | undefined;
  /** As `SessionStore.find`, of a record that the browser brought: undefined when it was ended. */
  admit(record: SessionRecord): Promise<Found | undefined>;
}

/** A sealed store that knows by heart what has ended, also while it hears of nothing new. Optional: `knowsEnds` tells. */
export interface EndsKnownByHeart {
  /** Whether this server knows that the session, or all of its user's, ended early. No waiting. */
  isKnownToHaveEnded(record: SessionRecord): boolean;
}

export function knowsEnds(store: AnySessionStore): store is AnySessionStore & EndsKnownByHeart {
  return 'isKnownToHaveEnded' in store;
}

export interface Unsealed {
  readonly record: SessionRecord;
  /** Sealed with an older key: must be sealed again. */
  readonly outdated: boolean;
}

/** What a `SessionManager` can work with. */
export type AnySessionStore = SessionStore | SealedStore;

export function isSealed(store: AnySessionStore): store is SealedStore {
  return 'unseal' in store;
}

/**
 * Opens tokens of the other kind too, while a site moves between the method whose sessions are in the token and one
 * that keeps them (`migrating`). The answer then carries a token of the store's own kind.
 */
export type OtherKind =
  /** Of a store that keeps sessions: its copy of an unsealed session is to be opened by a secret of this hash. */
  | { readonly other: SealedStore; lend(token: SessionRecord, secretHash: string): Promise<boolean> }
  /** Of a store whose sessions are in the token: where the session of a kept one's token is found. */
  | { readonly other: SessionStore };

export function hasOtherKind(store: AnySessionStore): store is AnySessionStore & OtherKind {
  return 'other' in store;
}

/** Can end all sessions of a user at once. Optional: `hasEpochs` tells. */
export interface SessionEpochs {
  /** The user's epoch now; 0 when never raised. */
  epochOf(userId: string): Promise<number>;
  /** Ends every session of the user that began under an earlier epoch, also one that is being created just now. */
  raiseEpoch(userId: string): Promise<number>;
}

export function hasEpochs(store: AnySessionStore): store is AnySessionStore & SessionEpochs {
  return 'epochOf' in store && 'raiseEpoch' in store;
}

/**
 * Can end all of a user's sessions but one in the step that lifts this one above them. Optional: `liftsSessions` tells. Without
 * it two steps do, of which a fault may leave the second undone: the next end of all goes above what that has lifted.
 */
export interface SessionLift extends SessionEpochs {
  /**
   * As `update`, and raises the epoch of `record.userId` to `record.epoch` in the same step: both or neither. Where that epoch
   * is reached already it is `done` if this session was lifted to it by another request, or by a try whose answer was lost, and
   * brings the record; else `gone`: somebody else has ended all sessions, this one too. `record` changes nothing else.
   */
  updateAbove(record: SessionRecord, base: SessionRecord): Promise<WriteResult>;
}

export function liftsSessions(store: AnySessionStore): store is AnySessionStore & SessionLift {
  return 'updateAbove' in store;
}

/** A store that knows which sessions a user has. Optional: `isSessionIndex` tells. */
export interface SessionIndex extends SessionEpochs {
  /** The user's live records, newest first, none that was created before this call missing. */
  listByUser(userId: string): Promise<SessionRecord[]>;
}

export function isSessionIndex(store: AnySessionStore): store is AnySessionStore & SessionIndex {
  return 'listByUser' in store && hasEpochs(store);
}

/** A row of the promise table (docs/architecture.md): what an app may rely on with this store. */
export interface SessionCapabilities {
  /** The method's name as the pages show it. */
  readonly method: string;
  /** Two requests that change different keys of one session both win. */
  readonly mergesKeys: boolean;
  /** `session.update(key, fn)` is atomic; where false it throws. */
  readonly atomicUpdate: boolean;
  /** Within how many milliseconds of an acknowledged logout every server refuses the session; 0: at once. */
  readonly logoutWithinMs: number;
  /** A request never sees a session older than the last response the browser stored. */
  readonly readsWhatYouSaw: boolean;
}
