// The figures of a growing site: medians of rounds, costs beside the smallest size, and what a sweep does to requests.
import { describe, expect, it } from '@jest/globals';
import { figuresOf, quantile, sweepFigures, type GrowthSample } from './figures.js';
import { growthTable, sizeName, sweepTable } from './tables.js';

const sample = (fields: Partial<GrowthSample>): GrowthSample => ({
  ...{ method: 'mysql', size: 1000, round: 1, action: 'read', mode: 'alone', times: [1], seconds: 1 },
  ...{ webCpu: 0, serverCpu: 0, statements: 0, commits: 0 },
  ...fields,
});
const ofSize = (size: number, ms: number, cpu: number): GrowthSample[] => [
  ...[ms, 2 * ms, 3 * ms].map((time, i) => sample({ size, round: i, times: [time, time, 10 * time] })),
  sample({ size, mode: 'atOnce', times: [1, 1], webCpu: cpu, serverCpu: cpu, statements: 4, commits: 2 }),
];

describe('the figures', () => {
  it('are medians of the rounds, per action, beside the smallest size', () => {
    const lines = figuresOf([...ofSize(10_000, 2, 30), ...ofSize(1000, 1, 10)]);
    expect(lines).toMatchObject([
      {
        size: 10_000,
        p50: 4,
        p99: 40,
        perSecond: 2,
        webMicros: 15,
        statements: 2,
        commits: 1,
        timeRatio: 2,
        cpuRatio: 3,
      },
      { size: 1000, p50: 2, timeRatio: 1, cpuRatio: 1 },
    ]);
    expect(growthTable(lines)).toContain(
      '| read | 10,000 | 4.00 | 40.00 | 2 | 15 | 15 | 2.00 | 100 | 2.00 × | 3.00 × |',
    );
  });

  it('have no statements where none are counted', () => {
    const { statements, commits, ...others } = sample({ mode: 'atOnce' });
    expect([statements, commits]).toEqual([0, 0]);
    expect(figuresOf([sample({}), others])[0].statements).toBeUndefined();
  });

  it('take a share of the numbers from below', () => {
    expect([0.5, 0.99, 1].map((share) => quantile([3, 1, 2, 4], share))).toEqual([2, 4, 4]);
  });
});

it('a sweep is compared with the turn before it', () => {
  const sweep = { method: 'mysql', size: 1_000_000, removed: 600, seconds: 2, batches: [5, 7, 6] };
  const requests = { without: [[1, 1], [4], [9]], during: [[2, 2, 5], [8], [9]] };
  expect(sweepFigures({ ...sweep, ...requests })).toMatchObject({
    perSecond: 300,
    batchP50: 6,
    batchLongest: 7,
    slower: { p50: 2, mean: 2, p99: 2 },
    without: { p50: 4 },
    during: { p50: 8 },
  });
  expect(sweepTable([{ ...sweep, ...requests }])).toContain(`| ${sizeName(1_000_000)} | 600 | 300 |`);
});
