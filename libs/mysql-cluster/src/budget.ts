// The time of one statement in all: shared by its attempts so that a frozen first node leaves enough for another.
import type { DeadlineClock } from './deadline-clock.js';

/** When one attempt ends; times are the deadline clock's. */
export interface AttemptDeadline {
  /** Then the node is slow: the caller is told, and may ask another one beside it. */
  readonly soft: number;
  /** Then it is given up. */
  readonly hard: number;
  /** Told at `soft`. Without it the attempt is given up then, unless its node has answered something else meanwhile. */
  readonly onSlow?: () => void;
}

export class Budget {
  private readonly end: number;
  private readonly freezes: number;

  constructor(
    private readonly clock: DeadlineClock,
    private readonly ms: number,
  ) {
    this.end = clock.now() + ms;
    this.freezes = clock.freezes;
  }

  /** Milliseconds left; not above 0 when the time is up, or this process was frozen meanwhile. */
  get left(): number {
    const left = this.end - this.clock.now();
    return this.clock.freezes === this.freezes ? left : 0;
  }

  /** The first attempt is slow after half, if there is another node to turn to; who comes after it gets the rest. */
  attempt(hasAlternative: boolean, onSlow?: () => void): AttemptDeadline {
    const { left, end, ms } = this;
    return { soft: hasAlternative && left > 0.75 * ms ? end - left / 2 : end, hard: end, onSlow };
  }
}
