// A line: lets a few pass at once, and the others wait for their turn instead of being refused.
import { limits } from '../config/limits.js';
import { OverloadedError } from './app.errors.js';

/**
 * What the work brings, unless this process stood still meanwhile: then nobody waits for it any more, and nothing may
 * come of it. @throws {OverloadedError}
 */
export async function unlessFrozen<T>(work: () => Promise<T>): Promise<T> {
  const startedAt = performance.now();
  const done = await work();
  if (performance.now() - startedAt > limits.frozenMs) throw new OverloadedError();
  return done;
}

export class Line {
  private running = 0;
  private readonly waiting: (() => void)[] = [];

  /** Of so many `places`; when `maxWaiting` wait, who else comes is refused at once. */
  constructor(
    private readonly places: number,
    private readonly maxWaiting: number,
  ) {}

  get isIdle(): boolean {
    return this.running === 0;
  }

  /**
   * Does the work when it is its turn, first come, first served.
   * @throws {OverloadedError} when that takes longer than `limits.turnMs`, or too many wait already
   */
  inTurn<T>(work: () => Promise<T>): Promise<T> {
    return unlessFrozen(async () => {
      if (this.running >= this.places) await this.turn();
      else this.running += 1;
      try {
        return await work();
      } finally {
        const next = this.waiting.shift();
        if (next) next();
        else this.running -= 1;
      }
    });
  }

  /** Resolves when a running one hands its place over. */
  private turn(): Promise<void> {
    if (this.waiting.length >= this.maxWaiting) throw new OverloadedError();
    return new Promise((resolve, reject) => {
      const take = () => {
        clearTimeout(timer);
        resolve();
      };
      const timer = setTimeout(() => {
        this.waiting.splice(this.waiting.indexOf(take), 1);
        reject(new OverloadedError());
      }, limits.turnMs);
      this.waiting.push(take);
    });
  }
}

interface LinesOptions {
  /** How many with the same key may pass at once, and how many may wait behind them. */
  readonly places: number;
  readonly maxWaiting: number;
  /** How many there may be in all lines together, waiting or not. */
  readonly capacity: number;
}

/** A line for each key, which exists while somebody is in it. */
export class Lines {
  private readonly lines = new Map<string, Line>();
  private inside = 0;

  constructor(private readonly options: LinesOptions) {}

  /** As `Line.inTurn`, in the line of that key. @throws {OverloadedError} */
  async inTurn<T>(key: string, work: () => Promise<T>): Promise<T> {
    const { places, maxWaiting, capacity } = this.options;
    if (this.inside >= capacity) throw new OverloadedError();
    const line = this.lines.get(key) ?? new Line(places, maxWaiting);
    this.lines.set(key, line);
    this.inside += 1;
    try {
      return await line.inTurn(work);
    } finally {
      this.inside -= 1;
      if (line.isIdle && this.lines.get(key) === line) this.lines.delete(key);
    }
  }
}
