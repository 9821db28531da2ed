// Runs many tasks, a few at a time.

/** Calls `task` with 0 … count-1, at most `width` at once; resolves with the results in order. */
export async function concurrently<T>(count: number, width: number, task: (index: number) => Promise<T>): Promise<T[]> {
  const results = new Array<T>(count);
  let next = 0;
  const worker = async () => {
    while (next < count) {
      const index = next++;
      results[index] = await task(index);
    }
  };
  await Promise.all(Array.from({ length: width }, worker));
  return results;
}
