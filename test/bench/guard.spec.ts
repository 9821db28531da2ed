// What makes a run of the benchmark fail: other counts at once, low ratios when three runs agree.
import { describe, expect, it, jest } from '@jest/globals';
import { guard, lowRatios, tooMany, wrongCounts, type Counts, type Run } from './guard.js';
import type { Line } from './summary.js';

const of = (value: number) => ({ median: value, least: value, greatest: value });

const line = (own: Partial<Line> = {}): Line => ({
  ...{ topology: 'single', action: 'read', variant: 'mysql', requestsPerSecond: of(1000), cpuMicros: of(500) },
  ...{ toLimit: of(0.9), toBare: of(0.45), busy: 0.9, p50: 8, p99: 20, rssMegabytes: 150, statements: 0.1, commits: 0 },
  ...own,
});

const change: Counts = { variant: 'mysql', action: 'change', statements: 2, commits: 1, writes: 1 };
const read: Counts = { ...change, action: 'read', statements: 1, commits: 0, writes: 0 };

describe('counts of one request at a time', () => {
  it('may have a sweep beside them', () => {
    expect(wrongCounts([read, { ...change, statements: 2.004, commits: 1.004 }], [read, change])).toEqual([]);
  });

  it.each(['statements', 'commits', 'writes'] as const)('fail with one more of %s, and with one less', (name) => {
    for (const difference of [1, -1, 0.1]) {
      const wrong = { ...change, [name]: change[name] + difference };
      expect(wrongCounts([read, wrong], [read, change])).toEqual([
        expect.stringMatching(/^mysql, change: .* per request, and not 2 statements, 1 commits, 1 writes$/),
      ]);
    }
  });

  it('fail where none are expected, and may be expected of what is not measured', () => {
    expect(wrongCounts([{ ...read, variant: 'redis' }], [read])).toEqual([
      'redis, read: no counts are expected, but 1 statements, 0 commits, 0 writes were measured',
    ]);
    expect(wrongCounts([], [read, change])).toEqual([]);
  });
});

describe('counts under load', () => {
  it('may be fewer, since statements go together', () => {
    expect(tooMany([line({ statements: 0.1 }), line({ statements: 1.05 })], [read])).toEqual([]);
  });

  it('fail where they are more', () => {
    expect(tooMany([line({ statements: 1.2 })], [read])).toEqual([
      'mysql, read: 1.20 statements per request under load, and not 1 at most',
    ]);
    expect(tooMany([line({ action: 'change', statements: 1, commits: 1.2 })], [change])).toHaveLength(1);
  });

  it('are of requests that use one MySQL server only: elsewhere others than requests have most of them', () => {
    const cookie = { ...read, variant: 'cookie', statements: 0 };
    expect(tooMany([line({ variant: 'cookie', statements: 0.5 })], [cookie])).toEqual([]);
    expect(tooMany([line({ topology: 'multi-primary', statements: 2 })], [read])).toEqual([]);
  });
});

describe('a ratio', () => {
  it('is too low when it is a third below the one of the table', () => {
    expect(lowRatios([line({ toLimit: of(0.61) })], [line()])).toEqual([]);
    expect(lowRatios([line({ toLimit: of(0.59) })], [line()])).toMatchObject([{ to: 'limit', ratio: 0.59 }]);
    expect(lowRatios([line({ toBare: of(0.29) })], [line()])).toMatchObject([{ to: 'bare', expected: 0.45 }]);
  });

  it('is compared with the least round of the table', () => {
    const table = line({ toLimit: { median: 1.5, least: 0.9, greatest: 2 } });
    expect(lowRatios([line({ toLimit: of(0.61) })], [table])).toEqual([]);
    expect(lowRatios([line({ toLimit: of(0.59) })], [table])).toHaveLength(1);
  });

  it('is compared with the same action, topology and variant, of roam only, and not of what waits for the disk', () => {
    const low = { toLimit: of(0.1), toBare: of(0.1) };
    expect(lowRatios([line(low)], [line({ action: 'mixed' }), line({ topology: 'replicas' })])).toEqual([]);
    for (const other of [{ variant: 'connect-typeorm' }, { variant: 'file' }])
      expect(lowRatios([line({ ...low, ...other })], [line(other)])).toEqual([]);
    expect(lowRatios([line({ toLimit: undefined, toBare: undefined })], [line()])).toEqual([]);
  });
});

describe('the guard', () => {
  const say = jest.fn();
  const low = line({ toLimit: of(0.3) });
  const alsoLow = line({ action: 'change', toLimit: of(0.2) });
  const well = [line(), line({ action: 'change' })];

  /** Answers with these lines, one run after the other; tells which variants each was asked for. */
  function runs(...all: (readonly Line[])[]) {
    const asked: (readonly string[] | undefined)[] = [];
    const measure = async (variants?: readonly string[]): Promise<Run> => {
      asked.push(variants);
      return { lines: all[asked.length - 1], counts: [read] };
    };
    return { measure, asked };
  }
  const expected = { counts: [read], table: well };

  it('is content after one run as expected', async () => {
    const { measure, asked } = runs(well);
    expect(await guard(measure, expected, say)).toEqual([]);
    expect(asked).toEqual([undefined]);
  });

  it('fails when three runs agree, of which the later ones measure what was low', async () => {
    const { measure, asked } = runs([low], [low], [line({ toLimit: of(0.4) })]);
    expect(await guard(measure, expected, say)).toEqual([
      'mysql, read, single: 0.30 of limit, where the table has 0.90 at least, in 3 runs',
    ]);
    expect(asked).toEqual([undefined, ['bare', 'limit', 'mysql'], ['bare', 'limit', 'mysql']]);
  });

  it.each([
    ['the second', [[low], well]],
    ['the third', [[low], [low], well]],
    [
      'each',
      [
        [low, well[1]],
        [well[0], alsoLow],
      ],
    ],
    [
      'the last, of another one',
      [
        [low, alsoLow],
        [low, well[1]],
        [well[0], alsoLow],
      ],
    ],
  ])('is content when one run does not agree: %s', async (_, lines) => {
    const { measure, asked } = runs(...lines);
    expect(await guard(measure, expected, say)).toEqual([]);
    expect(asked).toHaveLength(lines.length);
  });

  it('measures nothing again when a count is wrong', async () => {
    const { measure, asked } = runs([low]);
    const wrong = { counts: [{ ...read, statements: 2 }], table: well };
    expect(await guard(measure, wrong, say)).toEqual([expect.stringMatching(/^mysql, read: 1 statements/)]);
    expect(asked).toHaveLength(1);
  });

  it('says that it compares no ratios where the table has no figures', async () => {
    expect(await guard(runs([low]).measure, { ...expected, table: [] }, say)).toEqual([]);
    expect(say).toHaveBeenCalledWith(expect.stringContaining('no figures yet'));
  });
});
