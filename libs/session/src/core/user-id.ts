// Which ids of users every session method can keep.
import { SessionUsageError } from './errors.js';

/** Spaces at its end are no part of it to a database. */
const USER_ID = /^[\x21-\x7e]([\x20-\x7e]{0,62}[\x21-\x7e])?$/;

/** @throws SessionUsageError */
export function assertUserId(userId: unknown): void {
  if (typeof userId === 'string' && USER_ID.test(userId)) return;
  throw new SessionUsageError(
    `A userId has 1 to 64 printable ASCII characters and no space at its ends, unlike ${String(JSON.stringify(userId)).slice(0, 200)}: ` +
      'use a number or a UUID as a string, or a hash of the name.',
  );
}

/** @throws SessionUsageError */
export function assertBearer(userId: unknown, epoch: unknown): void {
  assertUserId(userId);
  if (!Number.isSafeInteger(epoch) || (epoch as number) < 0)
    throw new SessionUsageError(
      `The epoch of a user is what epochOf() has returned before the sign-in, not ${String(epoch)}.`,
    );
}
