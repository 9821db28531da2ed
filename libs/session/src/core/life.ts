// Makes the life of a session: the small part of its record that decides whether the session has ended.
import type { Life } from '../port/abilities.js';
import type { Found } from '../port/records.js';

/** Characters of the content: `Codec.endOf` reads no further. */
const HEAD = 64;

/** Without the content's greater part, so that many may be held. */
export function lifeOf({ record, userEpoch }: Pick<Found, 'record' | 'userEpoch'>): Life {
  const { idleEndsAt, endsAt, payload, userId, epoch } = record;
  // A copy: a mere part of a string keeps the whole one in memory.
  const head = Buffer.from(payload.slice(0, HEAD)).toString();
  return { record: { idleEndsAt, endsAt, payload: head, userId, epoch }, userEpoch };
}
