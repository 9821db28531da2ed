// A semaphore for each key, which exists while work holds it or waits for it.
import { OverloadedError } from './app.errors.js';
import { Semaphore } from './semaphore.js';

interface KeyedSemaphoreOptions {
  /** How much work with the same key may run at once, and how much may wait. */
  readonly permits: number;
  readonly maxWaiting: number;
  /** How much work with any key may run or wait. */
  readonly capacity: number;
}

export class KeyedSemaphore {
  private readonly semaphores = new Map<string, Semaphore>();
  private size = 0;

  constructor(private readonly options: KeyedSemaphoreOptions) {}

  /** As `Semaphore.run`, with the semaphore of this key. @throws {OverloadedError} */
  async run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const { permits, maxWaiting, capacity } = this.options;
    if (this.size >= capacity) throw new OverloadedError();
    const semaphore = this.semaphores.get(key) ?? new Semaphore(permits, maxWaiting);
    this.semaphores.set(key, semaphore);
    this.size += 1;
    try {
      return await semaphore.run(work);
    } finally {
      this.size -= 1;
      if (semaphore.isIdle && this.semaphores.get(key) === semaphore) this.semaphores.delete(key);
    }
  }
}
