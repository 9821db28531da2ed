// Leadership in virtual time: thousands of seeded histories of partitions, freezes, restarts, slow messages and clocks
// that differ. At no moment may two servers acknowledge, and whoever leads holds all that was acknowledged.
import { describe, expect, it } from '@jest/globals';
import { aSimulation, type Break } from './testing/simulation/leadership-simulation.js';

const SEEDS = 2000;

describe('leadership', () => {
  it(`keeps its promises in ${SEEDS} histories`, async () => {
    let acknowledged = 0;
    let changes = 0;
    for (let seed = 1; seed <= SEEDS; seed++) {
      const outcome = await aSimulation(seed);
      if (outcome.broken) throw new Error(`Seed ${seed}: ${outcome.broken}`);
      acknowledged += outcome.acknowledged;
      changes += outcome.changes;
    }
    // Else the histories show nothing.
    expect(acknowledged / SEEDS).toBeGreaterThan(50);
    expect(changes / SEEDS).toBeGreaterThan(1.5);
  }, 300_000);

  const breaks: [Break, RegExp][] = [
    ['a lease outlives its promises', /two servers|lacks|stamped|beaten/],
    ['a restarted voter promises at once', /two servers|lacks|stamped|beaten/],
    ['an answer to an earlier attempt counts', /two servers|lacks|stamped|beaten/],
    ['a late release counts', /two servers|lacks|stamped|beaten/],
    ['takes nothing over', /lacks/],
    ['does not ask again what it may acknowledge', /two servers|lacks|stamped|beaten/],
    ['stamps above its ceiling', /stamped|beaten/],
  ];
  it.each(breaks)(
    'is seen to be broken where %s',
    async (how, says) => {
      for (let seed = 1; seed <= 5000; seed++) {
        const { broken } = await aSimulation(seed, how);
        if (broken) return expect(broken).toMatch(says);
      }
      throw new Error('No seed finds it.');
    },
    300_000,
  );
});
