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
 * Milliseconds for the first attempt of a statement that has `ms` in all, if there is another node to turn to. The rest is
 * for the next attempt: when a node froze, a commit on another node may wait until the group has expelled the frozen one.
 */
export function firstAttemptMs(ms: number): number {
  return Math.min(0.4 * ms, 400);
}

export class Budget {
  private readonly end: number;
  private readonly freezes: number;

  /**
   * @param freezes how often this process had been frozen when the surrounding work began (default: now)
   * @param usualMs what such a statement has when its work does not ask for another time
   */
  constructor(
    private readonly clock: DeadlineClock,
    /** Milliseconds in all. */
    readonly ms: number,
    freezes?: number,
    private readonly usualMs = ms,
  ) {
    this.end = clock.now() + ms;
    this.freezes = freezes ?? clock.freezes;
  }

  /** Whether this process was frozen since then: nobody waits for the result any more. */
  get isVoid(): boolean {
    return this.clock.freezes !== this.freezes;
  }

  /** Milliseconds left; 0 or less when the time is up, 0 when this process was frozen since then. */
  get left(): number {
    const left = this.end - this.clock.now();
    return this.isVoid ? 0 : left;
  }

  /** Whether there is more time than usual: a statement that takes long says nothing about its node then. */
  get isLong(): boolean {
    return this.ms > this.usualMs;
  }

  attempt(hasAlternative: boolean, onSlow?: () => void): AttemptDeadline {
    const { left, end, ms, usualMs } = this;
    const isFirst = left > 0.75 * ms;
    const firstMs = firstAttemptMs(Math.min(left, usualMs));
    return { soft: hasAlternative && isFirst ? end - left + firstMs : end, hard: end, onSlow };
  }
}
