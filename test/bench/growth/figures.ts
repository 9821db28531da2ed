// What the samples of several sizes say: each action's cost, and how it grows.
import { median } from '../statistics.js';

export interface GrowthSample {
  readonly method: string;
  readonly size: number;
  readonly round: number;
  readonly action: string;
  /** One after the other, or many at once. */
  readonly mode: 'alone' | 'atOnce';
  /** Milliseconds of each action. */
  readonly times: readonly number[];
  readonly seconds: number;
  /** Microseconds of processor, of the process with the store, and of what it asks: MySQL, helpers, other servers. */
  readonly webCpu: number;
  readonly serverCpu: number;
  readonly statements?: number;
  readonly commits?: number;
}

export interface GrowthSweep {
  readonly method: string;
  readonly size: number;
  readonly removed: number;
  readonly seconds: number;
  /** Milliseconds of each batch. */
  readonly batches: readonly number[];
  /** Milliseconds of each request, by turns: without a sweep, and beside one. */
  readonly without: readonly (readonly number[])[];
  readonly during: readonly (readonly number[])[];
}

export interface GrowthFigures {
  readonly method: string;
  readonly action: string;
  readonly size: number;
  /** Milliseconds, one after the other. */
  readonly p50: number;
  readonly p99: number;
  /** Many at once. */
  readonly perSecond: number;
  readonly webMicros: number;
  readonly serverMicros: number;
  readonly statements: number | undefined;
  readonly commits: number | undefined;
  /** To the smallest size: of the middle time, and of all processor time. */
  readonly timeRatio: number;
  readonly cpuRatio: number;
}

/** The number below which this share of them is. */
export function quantile(numbers: readonly number[], share: number): number {
  const sorted = [...numbers].sort((one, other) => one - other);
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)];
}

/** One line for each action and size: the medians of the rounds. */
export function figuresOf(samples: readonly GrowthSample[]): GrowthFigures[] {
  const lines: GrowthFigures[] = [];
  const groups = new Map<string, GrowthSample[]>();
  for (const sample of samples) {
    const key = JSON.stringify([sample.method, sample.action, sample.size]);
    groups.set(key, [...(groups.get(key) ?? []), sample]);
  }
  for (const group of groups.values()) {
    const [{ method, action, size }] = group;
    const alone = group.filter(({ mode }) => mode === 'alone');
    const atOnce = group.filter(({ mode }) => mode === 'atOnce');
    const each = (of: (sample: GrowthSample) => number) =>
      median(atOnce.map((sample) => of(sample) / sample.times.length));
    const isCounted = atOnce[0].statements !== undefined;
    const own = {
      p50: median(alone.map(({ times }) => quantile(times, 0.5))),
      p99: median(alone.map(({ times }) => quantile(times, 0.99))),
      perSecond: median(atOnce.map(({ times, seconds }) => times.length / seconds)),
      webMicros: each(({ webCpu }) => webCpu),
      serverMicros: each(({ serverCpu }) => serverCpu),
      statements: isCounted ? each(({ statements }) => statements!) : undefined,
      commits: isCounted ? each(({ commits }) => commits!) : undefined,
    };
    lines.push({ method, action, size, ...own, timeRatio: 1, cpuRatio: 1 });
  }
  return lines.map((line) => {
    const [least] = lines
      .filter(({ method, action }) => method === line.method && action === line.action)
      .sort((one, other) => one.size - other.size);
    const cpu = ({ webMicros, serverMicros }: GrowthFigures) => webMicros + serverMicros;
    return { ...line, timeRatio: line.p50 / least.p50, cpuRatio: cpu(line) / cpu(least) };
  });
}

/** What requests took beside a sweep and without one: the medians of the turns, and of the ratios within a turn. */
export function sweepFigures({ method, size, removed, seconds, batches, without, during }: GrowthSweep) {
  const shares = {
    p50: (times: readonly number[]) => quantile(times, 0.5),
    mean: (times: readonly number[]) => times.reduce((sum, time) => sum + time, 0) / times.length,
    p99: (times: readonly number[]) => quantile(times, 0.99),
  };
  const each = (of: (share: (times: readonly number[]) => number) => number) => ({
    p50: of(shares.p50),
    mean: of(shares.mean),
    p99: of(shares.p99),
  });
  return {
    ...{ method, size, removed, seconds, perSecond: removed / seconds },
    batchP50: quantile(batches, 0.5),
    batchLongest: Math.max(...batches),
    without: each((share) => median(without.map(share))),
    during: each((share) => median(during.map(share))),
    slower: each((share) => median(during.map((times, turn) => share(times) / share(without[turn])))),
  };
}
