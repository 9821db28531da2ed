// Takes turns without remembering whose turn it is.

/** All of these, from a random one on: where only the first few are taken, each of them is at some time. */
export function fromRandom<T>(all: readonly T[]): T[] {
  const from = Math.floor(Math.random() * all.length);
  return [...all.slice(from), ...all.slice(0, from)];
}
