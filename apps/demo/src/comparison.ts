// All methods beside each other: what each walk has shown, as JSON and as one table.
import { styleText } from 'node:util';
import type { Cost, Costs } from './cost.js';
import type { Report } from './report.js';
import { storeOf } from './kill-targets.js';
import type { WalkResult } from './walk.js';

/** One method's row. */
export interface Row {
  readonly method: string;
  readonly ok: boolean;
  /** Requests that were answered by another server than the one before, and found the user logged in. */
  readonly hops: number;
  readonly survivesServer: boolean;
  readonly survivesStore: boolean;
  /** A copy of the cookies is refused after the logout, on every server. */
  readonly revocable: boolean;
  readonly costs: Costs;
}

export interface Comparison extends Report {
  readonly methods: readonly Row[];
}

/** @param label names the row: the method, and how it is used */
export function rowOf({ report, survived }: WalkResult, costs: Costs, label: string): Row {
  const { method, ok, steps } = report;
  const asked = steps.filter(({ status }) => status !== null);
  const hops = asked.filter((step, i) => i > 0 && step.loggedIn && step.server !== asked[i - 1]?.server).length;
  const refused = steps.filter(({ name }) => name === 'logged out everywhere');
  return {
    method: label,
    ok,
    hops,
    survivesServer: survived.has('server'),
    survivesStore: survived.has(storeOf(method)),
    revocable: refused.length > 0 && refused.every((step) => step.ok),
    costs,
  };
}

/** One report of all walks: every step under its row's name. @param rows one for each report */
export function compare(reports: readonly Report[], rows: readonly Row[]): Comparison {
  const sum = (count: (report: Report) => number) => reports.map(count).reduce((total, one) => total + one, 0);
  return {
    ok: reports.every(({ ok }) => ok),
    method: 'all',
    steps: reports.flatMap(({ steps }, i) =>
      steps.map((step) => ({ ...step, name: `${rows[i]?.method}: ${step.name}` })),
    ),
    reLogins: sum(({ reLogins }) => reLogins),
    lostWrites: sum(({ lostWrites }) => lostWrites),
    methods: rows,
  };
}

export function comparisonTable({ methods, reLogins, lostWrites }: Comparison, color: boolean): string {
  const heads = [
    'method',
    'server changes without sign-in',
    'survives loss of a web server',
    'survives loss of the store',
    'sessions can be revoked',
    'reads + writes per page view',
    'per change',
  ];
  const yes = (value: boolean) => (value ? 'yes' : 'NO');
  const rows = methods.map(({ method, hops, survivesServer, survivesStore, revocable, costs }) => [
    method,
    String(hops),
    yes(survivesServer),
    yes(survivesStore),
    yes(revocable),
    cost(costs.look),
    cost(costs.change),
  ]);
  const widths = heads.map((head, column) => Math.max(head.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]) => cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ');
  const paint = (style: 'bold' | 'green' | 'red', text: string) =>
    color ? styleText(style, text, { validateStream: false }) : text;
  return [
    '',
    paint('bold', `  ${line(heads)}`),
    ...methods.map(({ ok }, i) => (ok ? paint('green', '✔ ') : paint('red', '✘ ')) + line(rows[i] ?? [])),
    '',
    `had to sign in again: ${reLogins} · lost writes: ${lostWrites} · reads + writes: calls to the session store that leave the web server`,
    '',
  ].join('\n');
}

function cost({ reads, writes }: Cost): string {
  const figure = (value: number) => String(Math.round(value * 100) / 100);
  return `${figure(reads)} + ${figure(writes)}`;
}
