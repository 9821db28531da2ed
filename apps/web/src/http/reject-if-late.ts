// Rejects work that took too long for its request, for example because this process was paused meanwhile.
import { limits } from '../config/limits.js';
import { OverloadedError } from './app.errors.js';

/**
 * Resolves with the result of the work. If the work took longer than `limits.frozenMs`, nginx has given the request to
 * another server, and this one must not go on with it.
 * @throws {OverloadedError}
 */
export async function rejectIfLate<T>(work: () => Promise<T>): Promise<T> {
  const startedAt = performance.now();
  const result = await work();
  if (performance.now() - startedAt > limits.frozenMs) throw new OverloadedError();
  return result;
}
