// Retries a request that a server has refused with `Retry-After`, as a browser or a proxy does.
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Answer } from './browser.js';

const TRIES = 5;
const LONGEST_PAUSE_MS = 2_000;

// Of this test file: a server that refuses more than a few requests has not just stood still.
let requests = 0;
let refusals = 0;
const isTooOften = () => refusals > 12 + requests / 50;

/** Says when to retry. 504 is what a web server says to a proxy: it knows the request's id, and sends it elsewhere. */
export const isRefused = ({ status, headers }: Answer) =>
  (status === 503 || status === 504) && headers['retry-after'] !== undefined;

/** Nothing that the request needs is gone: the server itself had no time. */
export const isBusy = (answer: Answer) => isRefused(answer) && answer.text.includes('The server is busy.');

/** Retries with the same request id, so that the request counts once. `refused`: how often it was refused. */
export async function retryRefused(
  send: (headers: Record<string, string>) => Promise<Answer>,
  shouldRetry: (answer: Answer) => boolean = isRefused,
): Promise<Answer & { readonly refused: number }> {
  const headers = { 'X-Request-Id': randomUUID() };
  requests++;
  for (let refused = 0; ;) {
    const answer = await send(headers);
    if (!shouldRetry(answer)) return { ...answer, refused };
    refusals++;
    if (++refused === TRIES || isTooOften()) return { ...answer, refused };
    await sleep(Math.min(Number(answer.headers['retry-after']) * 1_000, LONGEST_PAUSE_MS));
  }
}
