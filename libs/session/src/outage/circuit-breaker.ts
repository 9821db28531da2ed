// Stops asking a store that does not answer, so that nobody waits for it in vain, and looks often whether it is back.
import { StoreUnavailableError } from '../core/errors.js';

/** Reads that must have failed one after the other, none answered in between. */
const FAILURES = 3;
/** How often somebody looks, while the store does not answer. */
const PROBE_EVERY_MS = 200;

/**
 * Closed, open, half-open. Only reads open it: a store that can still be read is not to be kept from its readers
 * because it takes no writes. Any answer that tells something closes it.
 */
export class CircuitBreaker {
  private failures = 0;
  private probeAt = 0;

  /** @param clock milliseconds that never go back; for tests. */
  constructor(private readonly clock: () => number = () => performance.now()) {}

  /** True while calls are refused at once. False when one may look again, so nobody is kept out for good. */
  get isOpen(): boolean {
    return this.failures >= FAILURES && this.clock() < this.probeAt;
  }

  /**
   * @param tells whether the store has answered by this: a result without any content does not close the breaker
   * @throws StoreUnavailableError at once while open, and what `act` throws.
   */
  async call<T>(act: () => Promise<T>, isRead: boolean, tells: (result: T) => boolean = () => true): Promise<T> {
    if (this.failures < FAILURES) return this.attempt(act, isRead, tells);
    const isDue = this.clock() >= this.probeAt;
    // This call looks for all; the others go on without it. Nobody waits for a read that looks, a write is its own.
    if (isDue) this.probeAt = this.clock() + PROBE_EVERY_MS;
    if (isDue && !isRead) return this.attempt(act, isRead, tells);
    if (isDue) this.attempt(act, isRead, tells).catch(() => undefined);
    throw new StoreUnavailableError(
      `The session store failed to answer the last ${this.failures} reads, so this call does not wait for it.`,
    );
  }

  private async attempt<T>(act: () => Promise<T>, isRead: boolean, tells: (result: T) => boolean): Promise<T> {
    try {
      const result = await act();
      if (tells(result)) this.failures = 0;
      return result;
    } catch (error) {
      if (isRead && error instanceof StoreUnavailableError) {
        this.failures++;
        this.probeAt = this.clock() + PROBE_EVERY_MS;
      }
      throw error;
    }
  }
}
