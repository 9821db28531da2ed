// A counting semaphore: a few pieces of work run at once, and the others wait in order instead of being refused.
import { limits } from '../config/limits.js';
import { OverloadedError } from './app.errors.js';
import { rejectIfLate } from './reject-if-late.js';

export class Semaphore {
  private running = 0;
  private readonly waiting: (() => void)[] = [];

  /** While `maxWaiting` pieces of work wait, further ones are refused at once. */
  constructor(
    private readonly permits: number,
    private readonly maxWaiting: number,
  ) {}

  get isIdle(): boolean {
    return this.running === 0;
  }

  /**
   * Runs the work as soon as a permit is free, first come, first served.
   * @throws {OverloadedError} when that takes longer than `limits.turnMs`, or when too many wait already
   */
  run<T>(work: () => Promise<T>): Promise<T> {
    return rejectIfLate(async () => {
      if (this.running >= this.permits) await this.waitForPermit();
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

  /** Resolves when work that ends passes its permit on. */
  private waitForPermit(): Promise<void> {
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
