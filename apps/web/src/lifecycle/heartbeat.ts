// Sees when this process stood still (frozen, suspended with its machine, starved), and how long requests lay unread.

/** How often the loop's turn is noted. */
const beatEveryMs = 20;

/**
 * A clock that goes on while the process does not. Whoever is about to act on what was read from a socket asks it
 * first, because after a standstill sockets may be read before any timer runs.
 */
export class Heartbeat {
  /** Told of a standstill before whoever asks gets the time. Milliseconds. */
  onPause: (ms: number) => void = () => undefined;

  private time = 0;
  private beforeLast = 0;
  private monotonic = performance.now();
  private wall = Date.now();
  private readonly timer = setInterval(() => this.beat(), beatEveryMs).unref();

  /** @param frozenMs a gap that is this long is a standstill, in milliseconds */
  constructor(private readonly frozenMs: number) {}

  /** Milliseconds since it was made, standstills included. Never runs backward. */
  now(): number {
    const passed = this.passed();
    if (passed < this.frozenMs) return this.time + passed;
    this.beat();
    return this.time;
  }

  /** The time since which what is read now may have lain unread: sockets are looked at after each beat. */
  get unreadSince(): number {
    return this.beforeLast;
  }

  stop(): void {
    clearInterval(this.timer);
  }

  private beat(): void {
    const passed = this.passed();
    this.beforeLast = this.time;
    this.time += passed;
    this.monotonic = performance.now();
    this.wall = Date.now();
    if (passed >= this.frozenMs) this.onPause(passed);
  }

  /** A machine that slept may have stopped the monotonic clock too; the other one shows it. */
  private passed(): number {
    return Math.max(performance.now() - this.monotonic, Date.now() - this.wall);
  }
}
