// The port of the list that ends sessions which live in the browser: small, shared, and known to every server by heart.

/**
 * The sessions that ended early, by their handle (`SessionRecord.id`), and users' epochs. Every server
 * holds the whole live list in memory and follows it, so that asking it costs nothing.
 */
export interface RevocationList {
  /**
   * Ends the session of this handle: when this has returned, this server refuses it, and every other does within a
   * second or has thrown in `ensureFresh`. The entry may be forgotten after `until` (milliseconds since 1970).
   * @throws StoreUnavailableError when it cannot be said that all will know.
   */
  revoke(handle: string, until: number): Promise<void>;

  /**
   * Raises the user's epoch, and returns it: promises what `revoke` does, for the user's sessions of earlier epochs.
   * Servers may forget after `until` that it was raised, but a later one is higher.
   */
  raiseEpoch(userId: string, until: number): Promise<number>;

  /** The user's epoch now; 0 when never raised. @throws StoreUnavailableError */
  epochOf(userId: string): Promise<number>;

  /** Whether this server knows that the session has ended. No waiting, also not for a list that cannot be reached. */
  isRevoked(handle: string): boolean;

  /** The user's epoch as far as this server knows and has not forgotten it; 0 otherwise. */
  knownEpoch(userId: string): number;

  /**
   * Resolves when `isRevoked` and `knownEpoch` tell all that was ended a second ago: at once while the server follows
   * the list, else after it has heard from it.
   * @throws StoreUnavailableError when it cannot hear from the list: nobody may then be let in on its word.
   */
  ensureFresh(): Promise<void>;

  /** Removes at most `limit` entries that could be forgotten before `before`; returns how many. */
  sweep(before: number, limit: number): Promise<number>;
}
