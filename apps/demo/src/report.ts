// The walk's report: its form as JSON, and as a table that a person can read at a glance.
import { styleText } from 'node:util';

export interface Step {
  readonly name: string;
  /** The server that answered; what was killed, for a kill. */
  readonly server: string;
  /** The HTTP status; 0 when there was no answer; null for a step that is no request (a kill). */
  readonly status: number | null;
  /** Whether that server knew the user after the step. */
  readonly loggedIn: boolean;
  readonly ms: number;
  /** Whether the step went as it must. */
  readonly ok: boolean;
}

export interface Report {
  readonly ok: boolean;
  readonly method: string;
  readonly steps: readonly Step[];
  /** How often a server did not know a user who was logged in. */
  readonly reLogins: number;
  /** Acknowledged cart writes that a later read did not show. */
  readonly lostWrites: number;
}

export function table(report: Report, color: boolean): string {
  const paint = (style: 'green' | 'red' | 'dim' | 'bold', text: string) =>
    color ? styleText(style, text, { validateStream: false }) : text;
  const rows = report.steps.map((step) => [
    step.name,
    step.server,
    step.status === 0 ? 'none' : String(step.status ?? '-'),
    step.loggedIn ? 'yes' : 'no',
    step.ms.toFixed(1),
  ]);
  const heads = ['step', 'server', 'status', 'logged in', 'ms'];
  const widths = heads.map((head, column) => Math.max(head.length, ...rows.map((row) => row[column]?.length ?? 0)));
  // Numbers stand to the right.
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, column) =>
        column === 2 || column === 4 ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
      )
      .join('  ');

  const failed = report.steps.filter((step) => !step.ok).length;
  const verdict = report.ok
    ? paint('green', `✔ all ${report.steps.length} steps passed`)
    : paint('red', `✘ ${failed} of ${report.steps.length} steps failed`);
  return [
    '',
    paint('bold', `  ${line(heads)}`),
    ...report.steps.map((step, index) => {
      const text = line(rows[index] ?? []);
      return step.ok ? `${paint('green', '✔')} ${text}` : paint('red', `✘ ${text}`);
    }),
    '',
    `${verdict} · method ${report.method} · had to sign in again: ${report.reLogins} · lost writes: ${report.lostWrites}`,
    '',
  ].join('\n');
}
