// Detects pauses of this process (frozen, suspended with its machine, without a processor), and how long requests lay
// unread.

/** The interval at which a turn of the event loop is noted. */
const beatEveryMs = 20;

/**
 * A clock that continues while the process is paused. Ask it before acting on data from a socket: after a pause,
 * sockets may be read before any timer runs.
 */
export class Heartbeat {
  /** Called with the length of a pause in milliseconds, before `now` returns. */
  onPause: (ms: number) => void = () => undefined;

  private time = 0;
  private beforeLast = 0;
  private monotonic = performance.now();
  private wall = Date.now();
  private readonly timer = setInterval(() => this.beat(), beatEveryMs).unref();

  /** @param frozenMs a gap of this length is a pause, in milliseconds */
  constructor(private readonly frozenMs: number) {}

  /** Milliseconds since the creation, pauses included. Never decreases. */
  now(): number {
    const passed = this.passed();
    if (passed < this.frozenMs) return this.time + passed;
    this.beat();
    return this.time;
  }

  /** The time since which data that is read now may have lain unread: sockets are read after each beat. */
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

  /** A suspended machine may have stopped the monotonic clock too; the wall clock shows it. */
  private passed(): number {
    return Math.max(performance.now() - this.monotonic, Date.now() - this.wall);
  }
}
