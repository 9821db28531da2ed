// Whether a run is as expected: counts exactly, ratios by the agreement of several runs.
import { VARIANTS, type Action } from './catalog.js';
import type { Line } from './summary.js';

/** Per request, sent one at a time to one web server with one MySQL server. */
export interface Counts {
  readonly variant: string;
  readonly action: Action;
  readonly statements: number;
  /** Transactions that wrote something. */
  readonly commits: number;
  /** Rows in MySQL, or documents in files. */
  readonly writes: number;
}

/** What one run found. */
export interface Run {
  readonly lines: readonly Line[];
  readonly counts: readonly Counts[];
}

export interface Expected {
  readonly counts: readonly Counts[];
  /** The lines of the table in docs/performance.md. */
  readonly table: readonly Line[];
}

/** A ratio that is much less than the table's. */
interface LowRatio extends Pick<Line, 'topology' | 'action' | 'variant'> {
  readonly to: 'limit' | 'bare';
  readonly ratio: number;
  readonly expected: number;
}

const COUNTED = ['statements', 'commits', 'writes'] as const;
/** A sweep or a look at a node that falls among the requests: a few statements in all of them. */
const BESIDE_REQUESTS = 0.02;
/** The same under load, where all web servers and MySQL's own count are in it. */
const BESIDE_LOAD = 0.1;
/** A third below what the table's own rounds have had at least is too low. */
const LEAST = 2 / 3;
/** One run may have met a busy machine: only so many that agree count. */
const RUNS = 3;

/**
 * Resolves with what is not as expected, in words. A ratio that is too low is measured again, and counts only when it is
 * too low in all of three runs.
 *
 * @param measure runs everything, or these variants alone
 */
export async function guard(
  measure: (variants?: readonly string[]) => Promise<Run>,
  expected: Expected,
  say: (message: string) => void,
): Promise<string[]> {
  const first = await measure();
  const wrong = [...wrongCounts(first.counts, expected.counts), ...tooMany(first.lines, expected.counts)];
  if (wrong.length > 0) return wrong;
  if (expected.table.length === 0) say('docs/performance.csv has no figures yet: no ratio is compared');
  let runs = [lowRatios(first.lines, expected.table)];
  while (runs[0].length > 0 && runs.length < RUNS) {
    const again = [...new Set(runs[0].map(({ variant }) => variant))];
    say(`measured again, since a ratio is more than a third below the table's: ${runs[0].map(inWords).join('; ')}`);
    runs.push(lowRatios((await measure(['bare', 'limit', ...again])).lines, expected.table));
    // Only what was too low each time.
    runs = runs.map((low) => low.filter((one) => runs.every((other) => other.some((each) => isSame(each, one)))));
  }
  return runs[0].map((low) => `${inWords(low)}, in ${RUNS} runs`);
}

/** Of one request at a time: exact. */
export function wrongCounts(counts: readonly Counts[], expected: readonly Counts[]): string[] {
  return counts.flatMap((own) => {
    const other = find(expected, own);
    if (!other) return [`${own.variant}, ${own.action}: no counts are expected, but ${textOf(own)} were measured`];
    const isWrong = COUNTED.some((name) => Math.abs(own[name] - other[name]) > BESIDE_REQUESTS);
    return isWrong ? [`${own.variant}, ${own.action}: ${textOf(own)} per request, and not ${textOf(other)}`] : [];
  });
}

/** Under load statements go together: where requests have some, there may be fewer of them, and never more. */
export function tooMany(lines: readonly Line[], expected: readonly Counts[]): string[] {
  return lines.flatMap((line) => {
    const most = line.topology === 'single' ? find(expected, line) : undefined;
    if (!most || most.statements === 0) return [];
    return (['statements', 'commits'] as const)
      .filter((name) => line[name] > most[name] + BESIDE_LOAD)
      .map((name) => {
        const measured = `${line[name].toFixed(2)} ${name} per request under load`;
        return `${line.variant}, ${line.action}: ${measured}, and not ${most[name]} at most`;
      });
  });
}

/** Of roam's own variants, but for `file`: each of its changes waits for the disk, and `limit` and `bare` wait for none. */
export function lowRatios(lines: readonly Line[], table: readonly Line[]): LowRatio[] {
  return lines
    .filter(({ variant }) => isOwn(variant) && variant !== 'file')
    .flatMap((line) => {
      const { topology, action, variant } = line;
      const other = table.find(
        (each) => each.topology === topology && each.action === action && each.variant === variant,
      );
      return (['limit', 'bare'] as const).flatMap((to): LowRatio[] => {
        const [own, table] = [ratioOf(line, to), ratioOf(other, to)];
        if (!own || !table || own.median >= table.least * LEAST) return [];
        return [{ topology, action, variant, to, ratio: own.median, expected: table.least }];
      });
    });
}

function ratioOf(line: Line | undefined, to: LowRatio['to']): Line['toLimit'] {
  return to === 'limit' ? line?.toLimit : line?.toBare;
}

function isOwn(variant: string): boolean {
  return VARIANTS.some(({ name, kind }) => name === variant && kind === 'roam');
}

function find(all: readonly Counts[], { variant, action }: Pick<Counts, 'variant' | 'action'>): Counts | undefined {
  return all.find((each) => each.variant === variant && each.action === action);
}

function isSame(one: LowRatio, other: LowRatio): boolean {
  return (['topology', 'action', 'variant', 'to'] as const).every((name) => one[name] === other[name]);
}

function textOf(counts: Counts): string {
  return COUNTED.map((name) => `${Number(counts[name].toFixed(2))} ${name}`).join(', ');
}

function inWords({ topology, action, variant, to, ratio, expected }: LowRatio): string {
  return `${variant}, ${action}, ${topology}: ${ratio.toFixed(2)} of ${to}, where the table has ${expected.toFixed(2)} at least`;
}
