// The part of docs/performance.md that a run writes: the machine, the plots and the tables.
import { ACTION_NAMES, ACTIONS, VARIANTS, type Action, type Topology } from './catalog.js';
import { between } from './report.js';
import type { Line } from './summary.js';
import { plot, type Panel } from './svg.js';

const BEGIN = '<!-- The benchmark writes from here (--write-docs), -->';
const END = '<!-- to here -->';

export interface Machine {
  readonly cpu?: string;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly system: string;
  readonly node: string;
  readonly mysql: { readonly version: string; readonly flushLogAtCommit: number; readonly syncBinlog: number };
  readonly redis?: string;
  readonly sessions: number;
  readonly rounds: number;
  readonly seconds: number;
  /** Of the pools of `limit` and the peers. */
  readonly connections: number;
}

const titles: Readonly<Record<Topology, string>> = {
  single: 'One MySQL server',
  'multi-primary': 'A group of three MySQL servers',
  'single-primary': 'A group of three MySQL servers, one of which takes writes',
  replicas: 'A MySQL server with two replicas',
};

/** The page with the run in the place of the former one. @throws Error when the page has no such place */
export function withResults(page: string, date: Date, machine: Machine, lines: readonly Line[]): string {
  const [from, to] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (from < 0 || to < from) throw new Error(`docs/performance.md has no part between "${BEGIN}" and "${END}"`);
  const topologies = [...new Set(lines.map(({ topology }) => topology))];
  const parts = [
    machineSentence(date, machine),
    ...topologies.map((topology) =>
      results(
        topology,
        lines.filter((line) => line.topology === topology),
      ),
    ),
  ];
  return `${page.slice(0, from)}${BEGIN}\n\n${parts.join('\n\n')}\n\n${page.slice(to)}`;
}

/** The plot of a topology's ratios to the limit. */
export function plotOf(topology: Topology, lines: readonly Line[]): string {
  const panels = actionsOf(lines).map((action): Panel => {
    const bars = lines.flatMap(({ variant, toLimit, ...line }) => {
      const { kind } = VARIANTS.find(({ name }) => name === variant)!;
      return line.action === action && toLimit ? [{ name: variant, kind, value: toLimit }] : [];
    });
    return { title: `${action}: ${ACTIONS[action]}`, bars };
  });
  return plot(`${titles[topology]}: requests per second, as a ratio to the limit`, panels);
}

export function plotFile(topology: Topology): string {
  return `benchmark-${topology}.svg`;
}

function machineSentence(date: Date, { mysql, redis, ...machine }: Machine): string {
  const gigabytes = (machine.memoryBytes / 2 ** 30).toFixed(0);
  return [
    `Measured on ${date.toISOString().slice(0, 10)}: ${machine.cpu ?? 'unknown processor'}, ${machine.cores} cores,`,
    `${gigabytes} GB of memory, ${machine.system}, Node ${machine.node}, MySQL ${mysql.version}`,
    `(\`innodb_flush_log_at_trx_commit=${mysql.flushLogAtCommit}\`, \`sync_binlog=${mysql.syncBinlog}\`)` +
      `${redis === undefined ? '' : `, Redis ${redis}`},`,
    `${machine.sessions.toLocaleString('en')} sessions, pools of ${machine.connections} connections,`,
    `${machine.rounds} rounds of ${machine.seconds} s each.`,
  ].join('\n');
}

function results(topology: Topology, lines: readonly Line[]): string {
  const cell = (read: (line: Line) => string) => (line: Line | undefined) => (line ? read(line) : '—');
  const ratio = cell(({ toLimit }) => (toLimit ? `${toLimit.median.toFixed(2)} (${between(toLimit)})` : '—'));
  const cost = cell(({ cpuMicros }) => cpuMicros.median.toFixed(0));
  const counted = cell(({ statements, commits }) => `${statements.toFixed(1)} / ${commits.toFixed(1)}`);
  const memory = (variant: string) =>
    Math.max(...lines.filter((line) => line.variant === variant).map((line) => line.rssMegabytes)).toFixed(0);
  return [
    `### ${titles[topology]}`,
    `![${titles[topology]}: ratios to the limit](images/${plotFile(topology)})`,
    'Requests per second, as a ratio to the limit: the median of the rounds, and the least and the greatest.',
    tableOf(lines, ratio),
    'Microseconds of processor time of the web server per request.',
    tableOf(lines, cost),
    'Statements / transactions that wrote something, per request, as MySQL counts them; memory of the web server in MB.',
    tableOf(lines, counted, { head: 'MB', of: memory }),
  ].join('\n\n');
}

function tableOf(
  lines: readonly Line[],
  cell: (line: Line | undefined) => string,
  last?: { head: string; of: (variant: string) => string },
): string {
  const actions = actionsOf(lines);
  const variants = [...new Set(lines.map(({ variant }) => variant))];
  const row = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const extra = (text: string | undefined) => (text === undefined ? [] : [text]);
  return [
    row(['variant', ...actions, ...extra(last?.head)]),
    `|${'---|'.repeat(1 + actions.length + (last ? 1 : 0))}`,
    ...variants.map((variant) => {
      const find = (action: Action) => lines.find((line) => line.variant === variant && line.action === action);
      return row([`\`${variant}\``, ...actions.map((action) => cell(find(action))), ...extra(last?.of(variant))]);
    }),
  ].join('\n');
}

function actionsOf(lines: readonly Line[]): readonly Action[] {
  return ACTION_NAMES.filter((action) => lines.some((line) => line.action === action));
}
