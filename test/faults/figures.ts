// What a fault cost, counted from the history: in failed requests, in waiting, in users logged out.
import { describeOperation, isRefusal, type Operation } from './history.js';

export interface Figures {
  readonly requests: number;
  /** Requests through nginx that failed: no whole answer in time, any 5xx, or a 409 or 429. */
  readonly failed: number;
  /** Of these, answers 503 that say when to come again. */
  readonly refused: number;
  /** Failed requests that only read. */
  readonly failedReads: number;
  /** Milliseconds. */
  readonly longestWait: number;
  readonly perSecond: number;
  /** Milliseconds between the first and the last failure. */
  readonly failingFor: number;
}

const READS = new Set(['me', 'read', 'list']);
const ORDINARY = new Set(['me', 'read', 'write']);

export function failed({ via, status }: Operation): boolean {
  return via === 'nginx' && (status === undefined || status >= 500 || status === 409 || status === 429);
}

/** @param history what was sent while the fault lasted, and until all had recovered */
export function figuresOf(history: readonly Operation[]): Figures {
  const through = history.filter(({ via }) => via === 'nginx');
  const failures = through.filter(failed);
  const begun = through.map((each) => each.begun);
  const seconds = (Math.max(...begun) - Math.min(...begun)) / 1000;
  return {
    requests: through.length,
    failed: failures.length,
    refused: failures.filter(isRefusal).length,
    failedReads: failures.filter(({ action }) => READS.has(action)).length,
    longestWait: Math.round(Math.max(0, ...through.map((each) => each.ended - each.begun))),
    perSecond: Math.round(through.length / seconds),
    failingFor:
      failures.length === 0
        ? 0
        : Math.round(Math.max(...failures.map(({ ended }) => ended)) - Math.min(...failures.map((each) => each.begun))),
  };
}

/** Milliseconds that 99 of 100 reads and writes through nginx took; without sign-ins, which hash passwords. */
export function p99Of(history: readonly Operation[]): number {
  const times = history.filter(({ via, action }) => via === 'nginx' && ORDINARY.has(action)).map(took);
  return Math.round(times.sort((a, b) => a - b)[Math.ceil(times.length * 0.99) - 1] ?? 0);
}

const SLOWEST = 5;

/** The requests through nginx that took longest, of all that it is shown. */
export class Slowest {
  private readonly slowest: Operation[] = [];

  /** Also the ones before. */
  see(history: readonly Operation[]): void {
    this.slowest.push(...history.filter(({ via }) => via === 'nginx'));
    this.slowest.sort((a, b) => took(b) - took(a)).splice(SLOWEST);
  }

  /** @param zero when the clock of the lines begins */
  lines(zero: number): string[] {
    return this.slowest.map((each) => `${Math.round(took(each))} ms: ${describeOperation(each, zero)}`);
  }
}

function took({ begun, ended }: Operation): number {
  return ended - begun;
}
