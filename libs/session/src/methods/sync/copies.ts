// What this server holds of all sessions, and the clock that stamps its own changes.
import { StoreUnavailableError } from '../../core/errors.js';
import { HybridClock } from '../../replica/hybrid-clock.js';
import { latestMoment } from '../../replica/replica.js';
import type { Entry } from './messages.js';
import type { Counters } from './options.js';
import { Replicas, type Bounds } from './replicas.js';

export class Copies extends Replicas {
  readonly clock: HybridClock;

  constructor(
    serverName: string,
    bounds: Bounds,
    private readonly counters: Counters,
    now: () => number,
  ) {
    super(bounds, now);
    this.clock = new HybridClock(serverName, now);
  }

  /** Keeps a change of this server. @throws StoreUnavailableError when there is no room for it */
  keep(entry: Entry): void {
    try {
      this.put(entry, false);
    } catch (error) {
      this.counters.unavailable++;
      throw error;
    }
  }

  /** Joins what a peer has sent to what is here; returns how many entries changed something. */
  take(entries: readonly Entry[]): number {
    let changed = 0;
    for (const entry of entries) {
      if ('id' in entry) this.clock.witness(latestMoment(entry));
      if (this.put(entry, true)) changed++;
    }
    return changed;
  }

  /** As `take`, of what only a comparison has brought: counted. */
  repair(entries: readonly Entry[]): void {
    this.counters.repaired += this.take(entries);
  }

  /** An error to throw: counted. */
  unavailable(reason: string): StoreUnavailableError {
    this.counters.unavailable++;
    return new StoreUnavailableError(reason);
  }
}
