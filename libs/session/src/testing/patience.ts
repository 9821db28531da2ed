// Figures that the promises name hold on a machine that has time: a test beside others is given more.
import { availableParallelism, loadavg } from 'node:os';

/** How much longer something may take here and now than on a machine with nothing else to do; at least 1. */
export function patience(): number {
  return Math.max(1, loadavg()[0] / availableParallelism());
}

/** The shortest time of up to three rounds, as soon as one is below the limit: others may use this machine. */
export async function best(limit: number, round: () => Promise<number>): Promise<number> {
  let shortest = Infinity;
  for (let i = 0; i < 3 && shortest >= limit; i++) shortest = Math.min(shortest, await round());
  return shortest;
}
