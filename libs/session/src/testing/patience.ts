// Figures that the promises name hold on a machine that has time: a test beside others is given more.
import { availableParallelism, loadavg } from 'node:os';

/** How much longer something may take here and now than on a machine with nothing else to do; at least 1. */
export function patience(): number {
  return Math.max(1, loadavg()[0] / availableParallelism());
}
