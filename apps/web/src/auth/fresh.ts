// How old the last proof of identity may be for what whoever holds a stolen session must not do.
import type { Request } from 'express';
import { limits } from '../config/limits.js';
import { ReauthenticationRequiredError } from '../http/app.errors.js';

/** Whether it is young enough. */
export function isFresh(request: Request): boolean {
  return Date.now() - request.user!.authenticatedAt <= limits.freshMs;
}

/** OWASP ASVS 7.5.1 and 7.5.2. @throws {ReauthenticationRequiredError} */
export function assertFresh(request: Request): void {
  if (!isFresh(request)) throw new ReauthenticationRequiredError();
}
