// The time of one statement in all: shared by its attempts so that a frozen first node leaves enough for another.
import type { DeadlineClock } from './deadline-clock.js';

/** When one attempt ends; times are the deadline clock's. */
export interface AttemptDeadline {
  /** Then the attempt is given up unless its node has answered something else meanwhile. */
  readonly soft: number;
  /** Then it is given up whatever the node does. */
  readonly hard: number;
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

  /** The first attempt gets half, if there is another node to turn to; whoever comes after a slow one gets the rest. */
  attempt(hasAlternative: boolean): AttemptDeadline {
    const { left, end, ms } = this;
    return { soft: hasAlternative && left > 0.75 * ms ? end - left / 2 : end, hard: end };
  }
}
