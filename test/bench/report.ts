// What a run found, as a table for people and as lines of samples for programs.
import type { Action, Topology } from './catalog.js';
import type { Sample, Line } from './summary.js';
import type { Spread } from './statistics.js';

/** The lines of one topology. */
export function table(lines: readonly Line[]): string {
  const heads = [
    ...['', 'variant', 'requests/s', 'to limit', '(spread)', 'to bare', 'CPU µs', 'busy', 'p50 ms', 'p99 ms'],
    ...['MB', 'statements', 'commits'],
  ];
  const rows = lines.map((line, i) => [
    line.action === lines[i - 1]?.action ? '' : line.action,
    line.variant,
    line.requestsPerSecond.median.toFixed(0),
    line.toLimit?.median.toFixed(2) ?? '',
    line.toLimit ? between(line.toLimit) : '',
    line.toBare?.median.toFixed(2) ?? '',
    line.cpuMicros.median.toFixed(0),
    `${(line.busy * 100).toFixed(0)} %`,
    line.p50.toFixed(1),
    line.p99.toFixed(1),
    line.rssMegabytes.toFixed(0),
    line.statements.toFixed(2),
    line.commits.toFixed(2),
  ]);
  const widths = heads.map((head, column) =>
    Math.max(...[head, ...rows.map((row) => row[column])].map((c) => c.length)),
  );
  const print = (cells: readonly string[]) =>
    cells.map((cell, i) => (i < 2 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join('  ');
  return [heads, ...rows].map(print).join('\n');
}

export function between({ least, greatest }: Spread): string {
  return `${least.toFixed(2)}–${greatest.toFixed(2)}`;
}

const HEADS = 'topology,round,action,variant,requests,seconds,cpuMicros,p50Ms,p99Ms,rssBytes,statements,commits';

/** Every sample, with a line of heads. */
export function toCsv(samples: readonly Sample[]): string {
  const rows = samples.map(
    ({ topology, round, action, variant, requests, seconds, cpu, p50, p99, rss, statements, commits }) =>
      [topology, round, action, variant, requests, seconds, Math.round(cpu), p50, p99, rss, statements, commits].join(),
  );
  return `${[HEADS, ...rows].join('\n')}\n`;
}

/** The samples that `toCsv` has written. @throws Error when it has not written this */
export function fromCsv(csv: string): Sample[] {
  const [heads, ...rows] = csv.trimEnd().split('\n');
  if (heads !== HEADS) throw new Error(`A CSV of samples must begin with "${HEADS}", not with "${heads}"`);
  return rows.map((row) => {
    const [topology, round, action, variant, ...numbers] = row.split(',');
    const [requests, seconds, cpu, p50, p99, rss, statements, commits] = numbers.map(Number);
    return {
      ...{ topology: topology as Topology, round: Number(round), action: action as Action, variant },
      ...{ requests, seconds, cpu, p50, p99, rss, statements, commits },
    };
  });
}
