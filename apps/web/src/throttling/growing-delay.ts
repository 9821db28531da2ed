// The delay after wrong attempts: it grows with each failure, up to a maximum.

/** A delay of `firstMs` after `free` failures, doubled after each further one, up to `maxMs`. */
export interface GrowingDelay {
  readonly free: number;
  readonly firstMs: number;
  readonly maxMs: number;
}

/** Milliseconds that must pass between the last failure and the next attempt. */
export function delayAfter(failures: number, { free, firstMs, maxMs }: GrowingDelay): number {
  return failures < free ? 0 : Math.min(maxMs, firstMs * 2 ** (failures - free));
}
