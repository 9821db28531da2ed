// The clock of all deadlines: one timer looks over everything that waits, and this process's own stalls do not count.

/** Something that waits until `deadline` (in the clock's time; Infinity while it waits for nothing). */
export interface Deadline {
  readonly deadline: number;
  /** Called once past the deadline; must end the waiting (set another deadline or unregister). */
  expire(): void;
  /** Called when this process was frozen: what was about to be sent must not be. Must end the waiting. */
  abandon?(): void;
}

const TICK_MS = 20;
/** A longer gap between two ticks is this process's own slowness; only this much of it counts against others. */
const LARGEST_STEP_MS = 2 * TICK_MS;

/**
 * Milliseconds that only move while this process does. When the event loop was blocked or the process frozen, answers
 * may lie unread in the sockets: the clock then advances by no more than `LARGEST_STEP_MS`, and what is past its
 * deadline is expired only after the sockets had a turn to be read.
 */
export class DeadlineClock {
  /** How often this process stood still for `frozenMs` or longer: what was begun before is not to be gone on with. */
  freezes = 0;

  private time = 0;
  private lastTick = performance.now();
  private lastDate = Date.now();
  private readonly waiting = new Set<Deadline>();
  private readonly timer = setInterval(() => this.tick(), TICK_MS);

  /**
   * `onStall` is told, before anything is read, that this process stood still for at least `stallMs`; what waits is
   * abandoned first when that was `frozenMs` or longer.
   */
  constructor(
    private readonly stallMs: number,
    private readonly onStall: (ms: number) => void,
    private readonly frozenMs = Infinity,
  ) {}

  /** Milliseconds since the clock was made, own stalls left out. Never runs backward. */
  now(): number {
    const elapsed = performance.now() - this.lastTick;
    if (elapsed <= LARGEST_STEP_MS) return this.time + elapsed;
    this.advance();
    return this.time;
  }

  register(waiting: Deadline): void {
    this.waiting.add(waiting);
  }

  unregister(waiting: Deadline): void {
    this.waiting.delete(waiting);
  }

  /** Stops the clock and expires whatever still waits. */
  close(): void {
    clearInterval(this.timer);
    for (const waiting of [...this.waiting]) waiting.expire();
    this.waiting.clear();
  }

  private tick(): void {
    this.advance();
    for (const waiting of this.waiting) {
      if (waiting.deadline > this.time) continue;
      // The poll phase comes between timers and setImmediate: an answer that has arrived is read before we judge.
      setImmediate(() => this.expireDue());
      return;
    }
  }

  private expireDue(): void {
    const now = this.now();
    for (const waiting of this.waiting) if (waiting.deadline <= now) waiting.expire();
  }

  private advance(): void {
    const tick = performance.now();
    const date = Date.now();
    const elapsed = tick - this.lastTick;
    // A machine that slept may have stopped the monotonic clock too; the other clock shows it.
    const asleep = Math.max(elapsed, date - this.lastDate);
    this.lastTick = tick;
    this.lastDate = date;
    this.time += Math.min(elapsed, LARGEST_STEP_MS);
    if (asleep >= this.frozenMs) {
      this.freezes++;
      for (const waiting of [...this.waiting]) waiting.abandon?.();
    }
    if (asleep >= this.stallMs) this.onStall(asleep);
  }
}

/** Resolves after `ms` of the clock, or at once when `signal` fires; never rejects. */
export function pause(clock: DeadlineClock, ms: number, signal?: Set<() => void>): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clock.unregister(waiting);
      signal?.delete(done);
      resolve();
    };
    const waiting: Deadline = { deadline: clock.now() + ms, expire: done };
    clock.register(waiting);
    signal?.add(done);
  });
}
