// The maximum age of the last re-authentication, for actions that a thief of a session must not be able to do.
import { limits } from '../config/limits.js';
import { ReauthenticationRequiredError } from '../http/app.errors.js';
import type { SignedIn } from './signed-in.js';

/** Whether the last proof of identity is recent enough. */
export function isFresh(user: SignedIn): boolean {
  return Date.now() - user.authenticatedAt <= limits.freshMs;
}

/** OWASP ASVS 7.5.1 and 7.5.2. @throws {ReauthenticationRequiredError} */
export function assertFresh(user: SignedIn): void {
  if (!isFresh(user)) throw new ReauthenticationRequiredError();
}
