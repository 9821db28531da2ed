// The outage policy `read-only`: while the store cannot answer, sessions are shown as they were a moment ago.
import type { AnySessions, Copy } from '../carriers/carrier.js';
import { hide } from '../core/hide.js';
import { CircuitBreaker } from './circuit-breaker.js';
import { KnownEnds } from './known-ends.js';
import { PendingEnds } from './pending-ends.js';
import { StandbyCopies } from './standby-copy.js';
import { watchedStore } from './watched-store.js';

/** No copy is shown that is older. */
export const COPY_LIFE_MS = 5 * 60_000;
/** How old a copy in the browser may become before a new one is given out. */
const COPY_RENEW_MS = 60_000;
/** By how much servers' clocks may differ. */
const SLACK_MS = 10 * 60_000;

export interface ReadOnlyOutageOptions {
  readonly store: AnySessions;
  readonly secrets: readonly string[];
  readonly now: () => number;
  /** The touch interval: a copy is given out as often, so that its idle limit is right. */
  readonly touchMs: number;
}

/**
 * A copy is believed only together with the authentic token of the same session, when the store cannot tell, for five
 * minutes, within both limits, and unless this server has seen the session or its user's sessions end. Whoever sees a
 * session from a copy can change nothing.
 */
export class ReadOnlyOutage {
  /** To be used in the place of the store that was given. */
  readonly store: AnySessions;
  private readonly breaker = new CircuitBreaker();
  private readonly copies: StandbyCopies;
  private readonly ends: KnownEnds;
  private readonly pending: PendingEnds;

  constructor(private readonly options: ReadOnlyOutageOptions) {
    hide(this, 'options');
    const { store, secrets, now } = options;
    this.copies = new StandbyCopies(secrets);
    this.ends = new KnownEnds(COPY_LIFE_MS + SLACK_MS, now);
    this.pending = new PendingEnds((id) => this.store.destroy(id), now);
    this.store = watchedStore(store, this.breaker, this.ends, (id) => this.pending.has(id));
  }

  /** True while the store is known not to answer. */
  get isDown(): boolean {
    return this.breaker.isOpen;
  }

  /** The copy to set in the browser, which holds `held`; undefined when that one serves, null when none can be made. */
  renew(copy: Copy, held: string | undefined): string | null | undefined {
    const { now, touchMs } = this.options;
    const known = this.copies.open(held);
    const serves =
      known?.record.id === copy.record.id &&
      known.mark === copy.mark &&
      now() < known.takenAt + Math.min(COPY_RENEW_MS, touchMs);
    if (serves) return undefined;
    const sealed = this.copies.seal(copy);
    return sealed === null && held === undefined ? undefined : sealed;
  }

  /** The copy that the browser holds, whatever its age; undefined for what is not exactly ours. */
  open(held: string | undefined): Copy | undefined {
    return this.copies.open(held);
  }

  /** @param copy within the limits of its session */
  mayShow({ record, takenAt }: Copy): boolean {
    const now = this.options.now();
    const { id, userId, epoch } = record;
    // Neither too old nor, beyond what clocks differ, from the future.
    if (Math.abs(now - takenAt) >= COPY_LIFE_MS) return false;
    return !this.pending.has(id) && !this.ends.mayHaveEnded(id, userId, epoch);
  }

  /** Ends the session as soon as the store can; on this server it has ended now. @throws StoreUnavailableError */
  endLater(id: string, endsAt: number): void {
    this.pending.add(id, endsAt);
    this.ends.addSession(id);
  }

  /** Tries the ends that wait. */
  settle(): Promise<void> {
    return this.pending.flush();
  }
}
