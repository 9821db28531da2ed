// Compare-and-set against others who write the same.
import { setTimeout as sleep } from 'node:timers/promises';
import { SessionConflictError } from './errors.js';

/** A dozen requests that write one session at once win in turns; a request's own limit of time mostly comes first. */
const MAX_ATTEMPTS = 100;

/**
 * The number of the attempt after this one, when its turn has come: after up to 32 ms, so that not all come again at once.
 * @throws {SessionConflictError} when all attempts were lost, or what `lost` makes
 */
export async function nextAttempt(attempt: number, lost = conflict): Promise<number> {
  if (attempt + 1 >= MAX_ATTEMPTS) throw lost();
  await sleep(Math.random() * Math.min(2 ** attempt, 32));
  return attempt + 1;
}

function conflict(): Error {
  return new SessionConflictError(
    `Too many requests changed this session at the same time: gave up after ${MAX_ATTEMPTS} attempts. Try again.`,
  );
}
