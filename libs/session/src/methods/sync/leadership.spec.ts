// Leadership in virtual time: thousands of seeded histories of partitions, freezes, restarts, slow messages and clocks
// that differ. At no moment may two servers acknowledge, and whoever leads holds all that was acknowledged.
import { describe, expect, it } from '@jest/globals';
import { Leadership, type LeaseRequest } from './leadership.js';
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

  it('gives up an attempt that no majority grants after two renewals, however long the lease is', () => {
    let now = 0;
    const asked: [number, LeaseRequest['step']][] = [];
    const site = {
      peers: () => [{ instance: 'web2', hasVote: true }],
      quorum: () => 2,
      rank: () => 0,
      shouldResign: () => false,
      isReady: () => true,
      ask: (_: unknown, { step }: LeaseRequest) => {
        asked.push([now, step]);
        return new Promise<never>(() => undefined);
      },
      takeOver: () => Promise.resolve([]),
      ceiling: () => '',
      witness: () => undefined,
      onStop: () => undefined,
      settled: () => Promise.resolve(),
    };
    const timings = { lease: 20_000, renew: 200, stagger: 100 };
    const clock = () => now;
    const leadership = new Leadership('web1', site, timings, clock, clock);
    for (now = 0; now < 30_000; now += 50) leadership.tick();
    const begun = asked.find(([, step]) => step === 'ask')![0];
    const given = asked.find(([, step]) => step === 'release')![0];
    expect(given - begun).toBeLessThanOrEqual(2 * timings.renew + 50);
  });

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
