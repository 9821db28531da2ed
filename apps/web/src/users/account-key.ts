// The key that attempts at an account are counted by.
import { digest } from '../http/subjects.js';
import { canonicalEmail } from './email.js';

/** The same for each spelling of a login name, and not the address itself. */
export function accountKey(email: string): string {
  return digest(canonicalEmail(email));
}
