// Keeps what an object needs out of the sight of a log.

/**
 * Hides these properties of an object from loops, `JSON.stringify`, `structuredClone` and `util.inspect`. A `#field` hides
 * more, but a proxy of the object cannot reach it: stores are often wrapped in one.
 */
export function hide(target: object, ...names: readonly string[]): void {
  for (const name of names) Object.defineProperty(target, name, { enumerable: false });
}
