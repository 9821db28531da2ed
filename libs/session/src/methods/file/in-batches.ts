// Much work for a mount that is there for others too.

/** Does it for all of them, `size` at a time; the results are in their order. */
export async function inBatches<T, R>(items: readonly T[], size: number, act: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (let i = 0; i < items.length; i += size) {
    results.push(...(await Promise.all(items.slice(i, i + size).map(act))));
  }
  return results;
}
