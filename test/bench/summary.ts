// From the samples of all rounds to medians and ratios.
import type { Action, Topology, Turn } from './catalog.js';
import { median, spread, type Spread } from './statistics.js';

/** What one turn of one round measured. */
export interface Sample extends Turn {
  readonly topology: Topology;
  readonly round: number;
  readonly requests: number;
  readonly seconds: number;
  /** Microseconds of processor time of the web server. */
  readonly cpu: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
  /** Bytes of memory of the web server afterwards. */
  readonly rss: number;
  /** As MySQL has counted them, all servers together. */
  readonly statements: number;
  readonly commits: number;
}

/** The rounds of a turn as one. */
export interface Line {
  readonly topology: Topology;
  readonly action: Action;
  readonly variant: string;
  readonly requestsPerSecond: Spread;
  /** Of requests per second: more than 1 is better. Undefined where the other side was not measured. */
  readonly toLimit: Spread | undefined;
  readonly toBare: Spread | undefined;
  /** Per request. */
  readonly cpuMicros: Spread;
  /** How much of the time the web server computed: far below 1, something else held it up. */
  readonly busy: number;
  readonly p50: number;
  readonly p99: number;
  readonly rssMegabytes: number;
  /** Per request. */
  readonly statements: number;
  readonly commits: number;
}

const rate = ({ requests, seconds }: Sample) => requests / seconds;

/**
 * One line per topology, action and variant, in the order of their first samples. Ratios are taken within each round, where
 * both sides met the same machine.
 */
export function summarize(samples: readonly Sample[]): Line[] {
  const turns = new Map<string, Sample[]>();
  for (const sample of samples) {
    const key = `${sample.topology} ${sample.action} ${sample.variant}`;
    turns.set(key, [...(turns.get(key) ?? []), sample]);
  }
  return [...turns.values()].map((own) => {
    const [{ topology, action, variant }] = own;
    const ratioTo = (name: string): Spread | undefined => {
      const others = turns.get(`${topology} ${action} ${name}`) ?? [];
      const ratios = own.flatMap((sample) => {
        const other = others.find(({ round }) => round === sample.round);
        return other ? [rate(sample) / rate(other)] : [];
      });
      return ratios.length > 0 ? spread(ratios) : undefined;
    };
    const middle = (value: (sample: Sample) => number) => median(own.map(value));
    return {
      topology,
      action,
      variant,
      requestsPerSecond: spread(own.map(rate)),
      toLimit: ratioTo('limit'),
      toBare: ratioTo('bare'),
      cpuMicros: spread(own.map(({ cpu, requests }) => cpu / requests)),
      busy: middle(({ cpu, seconds }) => cpu / 1e6 / seconds),
      p50: middle(({ p50 }) => p50),
      p99: middle(({ p99 }) => p99),
      rssMegabytes: middle(({ rss }) => rss / 1e6),
      statements: middle(({ statements, requests }) => statements / requests),
      commits: middle(({ commits, requests }) => commits / requests),
    };
  });
}

/** The outside of `--json`; null where the other side was not measured. */
export function ratiosOf(lines: readonly Line[]) {
  const round = (value: number | undefined, digits: number) =>
    value === undefined ? null : Number(value.toFixed(digits));
  return lines.map(({ variant, action, topology, toLimit, toBare, cpuMicros }) => ({
    variant,
    action,
    topology,
    toLimit: round(toLimit?.median, 3),
    toBare: round(toBare?.median, 3),
    cpuMicros: round(cpuMicros.median, 1),
  }));
}
