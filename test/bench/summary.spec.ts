// Samples as medians, ratios, JSON and CSV.
import { describe, expect, it } from '@jest/globals';
import { between, fromCsv, table, toCsv } from './report.js';
import { ratiosOf, summarize, type Sample } from './summary.js';

const sample = (own: Partial<Sample>): Sample => ({
  ...{ topology: 'single', round: 1, variant: 'mysql', action: 'read', requests: 1000, seconds: 1, cpu: 200_000 },
  ...{ p50: 8, p99: 20, rss: 150e6, statements: 1000, commits: 0 },
  ...own,
});

/** Three rounds, each on a machine of another speed. */
const samples = [1, 2, 4].flatMap((speed, i) => {
  const round = i + 1;
  return [
    sample({ round, variant: 'bare', requests: 4000 * speed, statements: 0 }),
    sample({ round, variant: 'limit', requests: 2000 * speed }),
    sample({ round, requests: [1000, 1800, 2400][i] * speed, statements: 2400, commits: 240 }),
  ];
});

describe('a summary', () => {
  it('takes ratios within each round, so that the speed of the machine does not count', () => {
    const line = summarize(samples).find(({ variant }) => variant === 'mysql');
    expect(line?.toLimit).toEqual({ median: 0.9, least: 0.5, greatest: 1.2 });
    expect(line?.toBare).toEqual({ median: 0.45, least: 0.25, greatest: 0.6 });
  });

  it('counts cost per request', () => {
    const [line] = summarize([sample({ requests: 400, cpu: 100_000, seconds: 2, statements: 800, commits: 100 })]);
    expect(line).toMatchObject({ busy: 0.05, statements: 2, commits: 0.25, rssMegabytes: 150 });
    expect([line.cpuMicros.median, line.requestsPerSecond.median]).toEqual([250, 200]);
  });

  it('compares within a topology and an action only', () => {
    const others = [
      sample({ variant: 'limit', topology: 'multi-primary' }),
      sample({ variant: 'limit', action: 'change' }),
      sample({ variant: 'limit', round: 2 }),
    ];
    const line = summarize([sample({}), ...others]).find(({ variant }) => variant === 'mysql');
    expect([line?.toLimit, line?.toBare]).toEqual([undefined, undefined]);
  });
});

describe('the ratios of --json', () => {
  it('have the six fields that programs may rely on', () => {
    const ratios = ratiosOf(summarize(samples));
    expect(ratios).toContainEqual({
      ...{ variant: 'mysql', action: 'read', topology: 'single' },
      ...{ toLimit: 0.9, toBare: 0.45, cpuMicros: 55.6 },
    });
    expect(ratios.map(({ variant, toLimit }) => [variant, toLimit])).toEqual([
      ['bare', 2],
      ['limit', 1],
      ['mysql', 0.9],
    ]);
  });

  it('are null where the other side was not measured', () => {
    expect(JSON.parse(JSON.stringify(ratiosOf(summarize([sample({})]))))).toEqual([
      expect.objectContaining({ toLimit: null, toBare: null, cpuMicros: 200 }),
    ]);
  });
});

it('the table names each action once, and shows the spread', () => {
  const text = table(summarize(samples));
  expect(text.match(/^read/gm)).toHaveLength(1);
  expect(text).toMatch(/mysql +\d+ +0\.90 +0\.50–1\.20 +0\.45/);
  expect(between({ median: 1, least: 0.123, greatest: 2 })).toBe('0.12–2.00');
});

it('the samples are a line each', () => {
  const [heads, first, ...others] = toCsv(samples).trimEnd().split('\n');
  expect(first.split(',')).toHaveLength(heads.split(',').length);
  expect(first).toBe('single,1,read,bare,4000,1,200000,8,20,150000000,0,0');
  expect(others).toHaveLength(8);
});

describe('the samples of a CSV', () => {
  it('are those that were written', () => expect(fromCsv(toCsv(samples))).toEqual(samples));
  it('are none where nothing was measured', () => expect(fromCsv(toCsv([]))).toEqual([]));
  it('are refused where the columns are others', () =>
    expect(() => fromCsv('topology,round\nsingle,1\n')).toThrow(/must begin with "topology,round,action/));
});
