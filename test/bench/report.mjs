// From measurements to medians, ratios and the table.

/** The middle of these numbers. */
function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/**
 * One line per turn, which is a `{variant, action}`. `rounds[n]` holds the measurements of a round as `{variant, action, requests,
 * seconds, cpu, p50, p99}`. Ratios are taken within each round, where both sides met the same machine, then their
 * median: more than 1 is better than the limit.
 */
export function summarize(rounds, turns) {
  const rate = ({ requests, seconds }) => requests / seconds;
  const cost = ({ requests, cpu }) => cpu / requests;
  return turns.map(({ variant, action }) => {
    const find = (name) => rounds.map((round) => round.find((each) => each.variant === name && each.action === action));
    const own = find(variant);
    const limits = find('limit');
    const toLimit = (ratio) => (limits[0] ? median(own.map((each, i) => ratio(each, limits[i]))) : undefined);
    return {
      action,
      variant,
      requestsPerSecond: median(own.map(rate)),
      ratioToLimit: toLimit((each, limit) => rate(each) / rate(limit)),
      cpuMicroseconds: median(own.map(cost)),
      cpuRatioToLimit: toLimit((each, limit) => cost(limit) / cost(each)),
      /** How much of the time the web server computed: far below 1, something else held it up. */
      busy: median(own.map(({ cpu, seconds }) => cpu / 1e6 / seconds)),
      p50: median(own.map(({ p50 }) => p50)),
      p99: median(own.map(({ p99 }) => p99)),
    };
  });
}

/** The lines as a table for people. */
export function table(lines) {
  const number = (value, digits) => (value === undefined ? '' : value.toFixed(digits));
  const heads = ['', 'variant', 'requests/s', 'vs limit', 'CPU µs/request', 'vs limit', 'busy', 'p50 ms', 'p99 ms'];
  const rows = lines.map((line) => [
    line.action,
    line.variant,
    number(line.requestsPerSecond, 0),
    number(line.ratioToLimit, 2),
    number(line.cpuMicroseconds, 0),
    number(line.cpuRatioToLimit, 2),
    `${number(line.busy * 100, 0)} %`,
    number(line.p50, 1),
    number(line.p99, 1),
  ]);
  const widths = heads.map((head, column) =>
    Math.max(...[head, ...rows.map((row) => row[column])].map((c) => c.length)),
  );
  const print = (cells) =>
    cells.map((cell, i) => (i < 2 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join('  ');
  return [heads, ...rows].map(print).join('\n');
}
