// The maximum age of the last re-authentication, for actions that a thief of a session must not be able to do.
import type { Request } from 'express';
import { limits } from '../config/limits.js';
import { ReauthenticationRequiredError } from '../http/app.errors.js';

/** Whether the last proof of identity is recent enough. */
export function isFresh(request: Request): boolean {
  return Date.now() - request.user!.authenticatedAt <= limits.freshMs;
}

/** OWASP ASVS 7.5.1 and 7.5.2. @throws {ReauthenticationRequiredError} */
export function assertFresh(request: Request): void {
  if (!isFresh(request)) throw new ReauthenticationRequiredError();
}
