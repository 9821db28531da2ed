// Logouts that the store could not take: kept until it has taken them.
import { AsyncLocalStorage } from 'node:async_hooks';
import { StoreUnavailableError } from '../core/errors.js';

const RETRY_EVERY_MS = 1000;
const MAX_ENTRIES = 10_000;

/** Lost with this process, which is why such a logout is called pending and not done. */
export class PendingEnds {
  /** When the session ends anyway, by id. */
  private readonly endsAt = new Map<string, number>();
  private timer: NodeJS.Timeout | undefined;
  private flushing: Promise<void> | undefined;
  /** Trying again is no part of the request that happens to begin it, and goes on whatever becomes of that. */
  private readonly apart = AsyncLocalStorage.snapshot();

  constructor(
    private readonly end: (id: string) => Promise<unknown>,
    private readonly now: () => number,
    private readonly maxEntries = MAX_ENTRIES,
  ) {}

  has(id: string): boolean {
    return this.endsAt.has(id);
  }

  /** @throws StoreUnavailableError when too many wait already: then this logout must not be called pending. */
  add(id: string, endsAt: number): void {
    if (this.endsAt.size >= this.maxEntries) {
      throw new StoreUnavailableError(
        `${this.endsAt.size} sign-outs wait for the session store already, so this one cannot be kept: try again.`,
      );
    }
    this.endsAt.set(id, endsAt);
    this.wait();
  }

  /** Tries all of them; stops at the first that the store does not take. */
  flush(): Promise<void> {
    return (this.flushing ??= this.apart(() => this.tryAll()).finally(() => {
      this.flushing = undefined;
      this.wait();
    }));
  }

  private async tryAll(): Promise<void> {
    for (const [id, endsAt] of this.endsAt) {
      try {
        if (this.now() < endsAt) await this.end(id);
      } catch {
        return;
      }
      this.endsAt.delete(id);
    }
  }

  private wait(): void {
    if (this.endsAt.size === 0 || this.timer) return;
    this.timer = setTimeout(() => {
      this.timer = undefined;
      void this.flush();
    }, RETRY_EVERY_MS).unref();
  }
}
