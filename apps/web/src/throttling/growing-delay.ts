// How long to wait after wrong attempts: longer with each, and never for ever.

/** A wait of `firstMs` after `free` failures, twice as long after each further one, up to `maxMs`. */
export interface GrowingDelay {
  readonly free: number;
  readonly firstMs: number;
  readonly maxMs: number;
}

/** Milliseconds that must pass between the last of so many failures and the next attempt. */
export function delayAfter(failures: number, { free, firstMs, maxMs }: GrowingDelay): number {
  return failures < free ? 0 : Math.min(maxMs, firstMs * 2 ** (failures - free));
}
