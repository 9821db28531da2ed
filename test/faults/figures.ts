// What a fault cost, counted from the history: in failed requests, in waiting, in people logged out.
import type { Operation } from './history.js';

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

export function failed({ via, status }: Operation): boolean {
  return via === 'nginx' && (status === undefined || status >= 500 || status === 409 || status === 429);
}

/** @param history what was sent while the fault lasted, and until all was whole again */
export function figuresOf(history: readonly Operation[]): Figures {
  const through = history.filter(({ via }) => via === 'nginx');
  const failures = through.filter(failed);
  const begun = through.map((each) => each.begun);
  const seconds = (Math.max(...begun) - Math.min(...begun)) / 1000;
  return {
    requests: through.length,
    failed: failures.length,
    refused: failures.filter(({ status, retryAfter }) => status === 503 && retryAfter).length,
    failedReads: failures.filter(({ action }) => READS.has(action)).length,
    longestWait: Math.round(Math.max(0, ...through.map((each) => each.ended - each.begun))),
    perSecond: Math.round(through.length / seconds),
    failingFor:
      failures.length === 0
        ? 0
        : Math.round(Math.max(...failures.map(({ ended }) => ended)) - Math.min(...failures.map((each) => each.begun))),
  };
}
