// The revocation list in the memory of all servers, on what the `sync` method already sends between them.
import type { SessionEpochs } from '../../../port/abilities.js';
import type { RevocationList } from './revocation-list.js';

/** What servers that hold copies of each other's sessions offer for it: tombstones that reach all of them, and epochs. */
export interface ReplicatedTombstones extends SessionEpochs {
  /**
   * Leaves the tombstone of this session until `endsAt`, though no server has ever heard of the session: when this has
   * returned every reachable server holds it, and one that was not reachable holds it before it serves again.
   * @throws StoreUnavailableError
   */
  entomb(id: string, endsAt: number): Promise<void>;
  /** Whether this server holds the session's tombstone. */
  isEntombed(id: string): boolean;
  /** The user's epoch as far as this server knows. */
  knownEpoch(userId: string): number;
  /**
   * Resolves when this server knows all that others have acknowledged.
   * @throws StoreUnavailableError when it cannot, being cut off from them.
   */
  caughtUp(): Promise<void>;
  /** Removes at most `limit` tombstones that ended before `before`; returns how many. */
  sweep(before: number, limit: number): Promise<number>;
}

/** Promises what `RevocationList` does, and a logout that is known to every reachable server when it is acknowledged. */
export class SyncRevocationList implements RevocationList {
  constructor(private readonly servers: ReplicatedTombstones) {}

  revoke(handle: string, until: number): Promise<void> {
    return this.servers.entomb(handle, until);
  }

  /** Epochs are kept for good, so `until` has no use here. */
  raiseEpoch(userId: string): Promise<number> {
    return this.servers.raiseEpoch(userId);
  }

  epochOf(userId: string): Promise<number> {
    return this.servers.epochOf(userId);
  }

  isRevoked(handle: string): boolean {
    return this.servers.isEntombed(handle);
  }

  knownEpoch(userId: string): number {
    return this.servers.knownEpoch(userId);
  }

  ensureFresh(): Promise<void> {
    return this.servers.caughtUp();
  }

  sweep(before: number, limit: number): Promise<number> {
    return this.servers.sweep(before, limit);
  }
}
