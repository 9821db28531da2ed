// A lease that one server at a time holds, granted by a majority. Without a log or a disk: a voter's promise simply
// ends by its own clock, as in PaxosLease (Trencseni, Gazso, Reinhardt, 2012), and the holder's lease ends before it.

import type { Moment } from '../../replica/hybrid-clock.js';

/** Milliseconds; any clock that never runs backward. */
export type Clock = () => number;

/** Clocks of two servers may run at rates that differ by this part, and a lease still ends before the promises for it. */
const DRIFT = 0.1;

const ANCHOR_MS = 100;

/**
 * A clock for a holder that must not be late: it also counts the time for which the machine slept, and a jump of the
 * wall clock may make it run ahead, never behind.
 */
export function impatientClock(): Clock {
  const read = () => ({ monotonic: performance.now(), wall: Date.now() });
  let [anchor, base, time] = [read(), 0, 0];
  return () => {
    const now = read();
    const passed = Math.max(now.monotonic - anchor.monotonic, now.wall - anchor.wall);
    time = Math.max(time, base + passed);
    // The wall clock counts whole milliseconds: each step of the anchor may add one too many.
    if (passed >= ANCHOR_MS) [anchor, base] = [now, time];
    return time;
  };
}

/** A voter's side: it promises the lease to one server at a time, each time for the lease's whole length. */
export class Promised {
  private holder: string | undefined;
  private attempt = 0;
  private ceiling: Moment = '';
  private until: number;
  /** No server that had the promise before its holder of now has stamped a write later than this, or will. */
  floor: Moment = '';

  /** What this server promised before it was started is not known: it promises nothing for one length of the lease. */
  constructor(
    private readonly length: number,
    private readonly now: Clock,
  ) {
    this.until = now() + length;
  }

  /**
   * Promises the lease to this server, or says that it is promised to another.
   * @param attempt the asker counts its attempts to lead
   * @param ceiling while the asker counts on the promise, it stamps no write later
   */
  grant(asker: string, attempt: number, ceiling: Moment): boolean {
    if (!this.isFreeFor(asker)) return false;
    if (asker !== this.holder) {
      if (this.ceiling > this.floor) this.floor = this.ceiling;
      [this.holder, this.attempt, this.ceiling] = [asker, attempt, ceiling];
    }
    this.attempt = Math.max(attempt, this.attempt);
    if (ceiling > this.ceiling) this.ceiling = ceiling;
    this.until = this.now() + this.length;
    return true;
  }

  /** The holder no longer counts on it. A word that was long on its way says nothing about a later attempt. */
  release(holder: string, attempt: number): void {
    if (this.holder === holder && this.attempt <= attempt) this.until = -Infinity;
  }

  /** Whether this attempt is the last that was promised the lease. */
  isLast(holder: string, attempt: number): boolean {
    return this.holder === holder && this.attempt === attempt;
  }

  /** Whether this server knows that it has promised the lease to another one. */
  isAnothers(asker: string): boolean {
    return this.holder !== undefined && !this.isFreeFor(asker);
  }

  isFreeFor(asker: string): boolean {
    return asker === this.holder || this.now() >= this.until;
  }
}

/** The holder's side: the promises that it was given, each counted from before it asked. */
export class Lease {
  private readonly grants = new Map<string, { readonly askedAt: number; readonly ceiling: Moment }>();

  constructor(
    private readonly length: number,
    private readonly now: Clock,
  ) {}

  /**
   * @param askedAt by this server's clock, read before it asked
   * @param ceiling what the voter was told: the holder stamps no write later
   */
  grantedBy(voter: string, askedAt: number, ceiling: Moment): void {
    const known = this.grants.get(voter);
    if (known === undefined || known.askedAt < askedAt) this.grants.set(voter, { askedAt, ceiling });
  }

  /** The voters whose promises are certain to hold at this moment. */
  voters(): string[] {
    return this.valid().map(([voter]) => voter);
  }

  isHeldBy(quorum: number): boolean {
    return this.valid().length >= quorum;
  }

  /** The latest stamp that so many of them know of; '' where fewer hold. */
  ceiling(quorum: number): Moment {
    const ceilings = this.valid().map(([, { ceiling }]) => ceiling);
    return ceilings.sort().at(-quorum) ?? '';
  }

  forget(): void {
    this.grants.clear();
  }

  private valid() {
    const since = this.now() - this.length * (1 - DRIFT);
    return [...this.grants].filter(([, { askedAt }]) => askedAt > since);
  }
}
