// The port: what a place that keeps sessions must do. Retries, the enforcement of limits, hashing and cookies are the module's.
import type { Found, Mark, SessionRecord, WriteResult } from './records.js';

/** Where changes of sessions are committed. `SessionStore` adds reading; sealed sessions are read from the token instead. */
export interface SessionWriter {
  /** What this store promises: its row of the promise table. The contract kit asserts exactly this. */
  readonly capabilities: SessionCapabilities;

  /**
   * Adds a record with a fresh id. Creating it again is done, not an error, and changes nothing: the result brings the
   * record that is there, which another try of the same request may have made. Where its tombstone lies it is `gone`.
   *
   * `instead` is a session that a login has left for this one. A store that can may end it in the same step, as `destroy`
   * would with its version; the result then has `ended`. Without `ended` that session is as it was, and the caller ends it.
   */
  create(record: SessionRecord, instead?: SessionRecord): Promise<WriteResult>;

  /**
   * Puts `record` in the place of `base`, which the caller has read and whose successor it is (version raised by one).
   * With `capabilities.atomicUpdate` only if `base.version` is the stored one, else `conflict` and nothing is changed;
   * without it, the store merges: it applies the difference between the two to what is stored. `idleEndsAt` never moves backward.
   */
  update(record: SessionRecord, base: SessionRecord): Promise<WriteResult>;

  /** Moves `idleEndsAt` forward; does nothing when the session is ended or already later. Does not raise the version. */
  touch(id: string, idleEndsAt: number): Promise<void>;

  /**
   * Ends the session for good: when this has returned, `find` gives undefined everywhere and no write brings it back;
   * the tombstone stays until `endsAt` of the record. An ended or unknown session stays as it is: `gone`, and no error.
   * With `ifVersion` it ends only that version, else `conflict`.
   */
  destroy(id: string, ifVersion?: number): Promise<WriteResult>;

  /** Removes what ended before `before`, at most `limit` records; returns how many. Safe on all servers at once. */
  sweep(before: number, limit: number): Promise<number>;
}

/**
 * Keeps sessions and shares them between servers.
 *
 * Every method either answers or throws `StoreUnavailableError`; it never reports a fault as an absence. The caller may
 * repeat a write whose answer was lost. It then finds its write id among `record.writes` of the conflict, so that the write
 * counts once; a store that merges finds it itself, as the last entry.
 */
export interface SessionStore extends SessionWriter {
  /**
   * The live record, or undefined when it was ended, has passed `endsAt`/`idleEndsAt` long enough to be cleaned up,
   * or never was. A store that can answer from several copies must not return one older than `atLeast`: it asks the
   * next copy, and throws when none is new enough. A mark of another method, which it cannot read, is ignored.
   */
  find(id: string, atLeast?: Mark): Promise<Found | undefined>;
}

/** A row of the promise table (docs/sessions.md): what an app may rely on with this store. */
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
  /** How many bytes of JSON every session may hold. Default: what fits into 64 KiB. */
  readonly contentBytes?: number;
}

/** A mark as this store gave it out, without its method's name, which servers in the midst of a migration put before it. */
export function ownMark(mark: Mark | undefined, { method }: SessionCapabilities): Mark | undefined {
  return mark?.startsWith(`${method}_`) ? mark.slice(method.length + 1) : mark;
}
