// Makes a Node process believe in another time of day; what counts passing time stays right.

/**
 * An argument for node, before its script: `Date`, and `performance.timeOrigin` with it, are `ms` ahead (behind, where
 * negative). Monotonic clocks and timers are left alone, and so is whatever asks the system itself.
 */
export function shiftedClock(ms: number): string {
  return `--import=data:text/javascript,${encodeURIComponent(`(${shift.toString()})(${ms})`)}`;
}

/** Runs in the other process, as text: it can use nothing from outside. */
function shift(ms: number): void {
  const now = Date.now;
  const later = () => now() + ms;
  const shifted = new Proxy(Date, {
    // Only a date made of nothing is the time of day.
    construct: (target, args, self) => Reflect.construct(target, args.length > 0 ? args : [later()], self) as Date,
    apply: (target) => new target(later()).toString(),
    get: (target, key) => (key === 'now' ? later : (Reflect.get(target, key) as unknown)),
  });
  Date.prototype.constructor = shifted;
  globalThis.Date = shifted;
  Object.defineProperty(performance, 'timeOrigin', { value: performance.timeOrigin + ms });
}
