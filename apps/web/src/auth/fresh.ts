// How old the last proof of identity may be for what whoever holds a stolen session must not do.
import type { Request } from 'express';
import { limits } from '../config/limits.js';
import { ReauthenticationRequiredError } from '../http/app.errors.js';

/** OWASP ASVS 7.5.1 and 7.5.2. @throws {ReauthenticationRequiredError} */
export function assertFresh(request: Request): void {
  if (Date.now() - request.user!.authenticatedAt > limits.freshMs) throw new ReauthenticationRequiredError();
}
