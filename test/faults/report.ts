// Keeps what fault tests measured, and shows it as a table.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectDir } from '@roam/local-stack';
import type { Outcome } from './scene.js';

const dir = join(projectDir, 'test/faults/results');

/** One file per fault and method, the last run counts. */
export function keep(outcome: Outcome): void {
  const name = `${outcome.method} ${outcome.fault}`.toLowerCase().replace(/[^a-z0-9]+/g, '-');
  keepFigures(name, outcome);
}

/** The same for what is no outcome of a crowd. */
export function keepFigures(name: string, figures: object): void {
  mkdirSync(dir, { recursive: true });
  writeFileSync(join(dir, `${name}.json`), `${JSON.stringify(figures, undefined, 2)}\n`);
}

/** One line for people. */
export function line(outcome: Outcome): string {
  const { fault, method, rounds, perSecond, requests, failed, refused, longestWait, failingFor, recoveredAfter } =
    outcome;
  return [
    `${method}: ${fault} (worst of ${rounds})`,
    `${requests} requests, ${perSecond}/s`,
    `failed ${failed}${refused > 0 ? ` (${refused} refused with Retry-After)` : ''}${failed > 0 ? ` within ${failingFor} ms` : ''}`,
    `longest wait ${longestWait} ms`,
    `recovered after ${recoveredAfter} ms`,
    outcome.broken === undefined ? 'nothing lost or undone' : outcome.broken,
  ].join(' · ');
}
