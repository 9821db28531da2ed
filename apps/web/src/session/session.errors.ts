// The refusals of what does not fit into a session, or of one more visitor's.
import { AppError } from '../http/app.errors.js';

/** What a request put into the session does not fit; nothing was stored. */
export class SessionFullError extends AppError {
  readonly code = 'session_full';
  readonly status = 409;

  constructor(bytes: number, limit: number) {
    super(`There is no room left for this (${bytes} bytes, and the limit is ${limit}). Please remove something first.`);
  }
}

/** No session is begun for another visitor now; users can sign in. */
export class TooManySessionsError extends AppError {
  readonly code = 'too_many_sessions';
  readonly status = 429;
  override readonly retryAfter: number;

  constructor(waitMs: number) {
    super('Too many visitors are here at the moment. Please try again later, or sign in.');
    this.retryAfter = Math.max(1, Math.ceil(waitMs / 1_000));
  }
}
