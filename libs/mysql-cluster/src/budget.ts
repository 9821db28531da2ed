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

/**
 * Milliseconds for the first attempt of a statement that has `ms` in all, if there is another node to turn to. The rest is for
 * who comes after it: when a node froze, that one's commit may have to wait for the group until it has let go of the node.
 */
export function firstAttemptMs(ms: number): number {
  return Math.min(0.4 * ms, 400);
}

export class Budget {
  private readonly end: number;
  private readonly freezes: number;

  /** @param freezes how often this process had been frozen when that began of which this is a part; by default now */
  constructor(
    private readonly clock: DeadlineClock,
    private readonly ms: number,
    freezes?: number,
  ) {
    this.end = clock.now() + ms;
    this.freezes = freezes ?? clock.freezes;
  }

  /** Whether this process was frozen meanwhile: nobody waits any more for what comes of it. */
  get isVoid(): boolean {
    return this.clock.freezes !== this.freezes;
  }

  /** Milliseconds left; not above 0 when the time is up, or this process was frozen meanwhile. */
  get left(): number {
    const left = this.end - this.clock.now();
    return this.isVoid ? 0 : left;
  }

  attempt(hasAlternative: boolean, onSlow?: () => void): AttemptDeadline {
    const { left, end, ms } = this;
    const isFirst = left > 0.75 * ms;
    return { soft: hasAlternative && isFirst ? end - left + firstAttemptMs(left) : end, hard: end, onSlow };
  }
}
