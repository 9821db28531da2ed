// The life of a session: the small part of its record that decides whether the session has ended, and the decision.
import type { Life } from '../port/abilities.js';
import type { Found } from '../port/records.js';
import { endIn } from './codec.js';

/** Characters of the content: `endIn` reads no further. */
export const HEAD = 64;

/** When the first of its limits passes: idle, absolute, and the end that is stored with its content. */
export function firstEnd({
  idleEndsAt,
  endsAt,
  payload,
}: Pick<Life['record'], 'idleEndsAt' | 'endsAt' | 'payload'>): number {
  return Math.min(idleEndsAt, endsAt, endIn(payload));
}

/** Within its limits at this moment, and of its user's epoch. */
export function isLiveAt({ record, userEpoch }: Life, at: number): boolean {
  return at < firstEnd(record) && !(record.userId !== null && record.epoch < userEpoch);
}

/** Without the content's greater part, so that many may be held. */
export function lifeOf({ record, userEpoch }: Pick<Found, 'record' | 'userEpoch'>): Life {
  const { idleEndsAt, endsAt, payload, userId, epoch } = record;
  // A copy: a mere part of a string keeps the whole one in memory.
  const head = Buffer.from(payload.slice(0, HEAD)).toString();
  return { record: { idleEndsAt, endsAt, payload: head, userId, epoch }, userEpoch };
}
