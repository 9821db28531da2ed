// Measures how long others take: what this process itself stood still for, and with it perhaps the machine, does not count.

const BEAT_MS = 20;

export class Stopwatch {
  private counted = 0;
  private last = performance.now();
  private readonly timer = setInterval(() => this.beat(), BEAT_MS);

  /** Milliseconds since it was made, of each gap between two beats no more than two beats. */
  get ms(): number {
    this.beat();
    return this.counted;
  }

  stop(): void {
    clearInterval(this.timer);
  }

  private beat(): void {
    const now = performance.now();
    this.counted += Math.min(now - this.last, 2 * BEAT_MS);
    this.last = now;
  }
}
