// A revocation list in this process: for tests and for one server.
import { KnownRevocations } from './known-revocations.js';
import type { RevocationList } from './revocation-list.js';

/** All servers of a process may share one. */
export class MemoryRevocationList implements RevocationList {
  private readonly known: KnownRevocations;
  private readonly epochs = new Map<string, number>();

  constructor(now?: () => number) {
    this.known = new KnownRevocations(now);
  }

  async revoke(handle: string, until: number): Promise<void> {
    this.known.addHandle(handle, until);
  }

  async raiseEpoch(userId: string, until: number): Promise<number> {
    const epoch = (this.epochs.get(userId) ?? 0) + 1;
    this.epochs.set(userId, epoch);
    this.known.addEpoch(userId, epoch, until);
    return epoch;
  }

  async epochOf(userId: string): Promise<number> {
    return this.epochs.get(userId) ?? 0;
  }

  isRevoked(handle: string): boolean {
    return this.known.isRevoked(handle);
  }

  knownEpoch(userId: string): number {
    return this.known.epoch(userId);
  }

  async ensureFresh(): Promise<void> {
    // There is nobody else to hear from.
  }

  async sweep(): Promise<number> {
    return 0;
  }
}
