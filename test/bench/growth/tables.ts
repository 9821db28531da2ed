// The figures of a run as tables of Markdown, as docs/sizing.md shows them.
import { sweepFigures, type GrowthFigures, type GrowthSweep } from './figures.js';

export function sizeName(size: number): string {
  return size.toLocaleString('en-US');
}

/** One table for each method: how each action's cost grows with the number of sessions. */
export function growthTable(figures: readonly GrowthFigures[]): string {
  const lines = figures.map((line) => [
    line.action,
    sizeName(line.size),
    line.p50.toFixed(2),
    line.p99.toFixed(2),
    line.perSecond.toFixed(0),
    line.webMicros.toFixed(0),
    line.serverMicros.toFixed(0),
    line.statements?.toFixed(2) ?? '',
    line.commits === undefined ? '' : (100 * line.commits).toFixed(0),
    `${line.timeRatio.toFixed(2)} ×`,
    `${line.cpuRatio.toFixed(2)} ×`,
  ]);
  const heads = ['action', 'sessions', 'p50 ms', 'p99 ms', 'per second', 'web CPU µs', 'server CPU µs', 'statements'];
  return markdown([...heads, 'commits per 100', 'p50 ratio', 'CPU ratio'], lines);
}

export function sweepTable(sweeps: readonly GrowthSweep[]): string {
  const lines = sweeps
    .map(sweepFigures)
    .map((line) => [
      sizeName(line.size),
      sizeName(line.removed),
      line.perSecond.toFixed(0),
      line.batchP50.toFixed(1),
      line.batchLongest.toFixed(1),
      ...[line.without.p50, line.without.p99, line.during.p50, line.during.p99].map((ms) => ms.toFixed(2)),
      `${line.slower.p50.toFixed(2)} ×`,
      `${line.slower.mean.toFixed(2)} ×`,
      `${line.slower.p99.toFixed(2)} ×`,
    ]);
  const heads = ['sessions', 'removed', 'per second', 'batch p50 ms', 'longest ms', 'p50 ms without', 'p99 ms without'];
  return markdown([...heads, 'p50 ms during', 'p99 ms during', 'p50 ratio', 'mean ratio', 'p99 ratio'], lines);
}

export function markdown(heads: readonly string[], lines: readonly (readonly string[])[]): string {
  const row = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [row(heads), row(heads.map((_, i) => (i === 0 ? '---' : '--:'))), ...lines.map(row)].join('\n');
}
