// The document of what has ended lately: by it a server learns of ends without a read for each of its open streams.
import type { Stamp } from '../../replica/hybrid-clock.js';
import { timeOf } from '../../replica/hybrid-clock.js';

/** Hints, not facts: each is looked up. The document may name what lives on, and be without what ended long ago. */
export interface EndsDocument {
  /** When each was noted: a session by its id, a user by `@` and the id when all sessions of earlier epochs ended. */
  readonly ends: Readonly<Record<string, Stamp>>;
  /** Up to here some may have been dropped. */
  readonly since: Stamp;
}

/** By the document's newest entry, so that no server's clock decides what the others miss. */
const KEPT_MS = 60_000;
/** Each server reads the document several times a second. */
const MAX_ENTRIES = 500;

export const NOTHING_ENDED: EndsDocument = { ends: {}, since: '' };

/** Sorted, so that equal contents are equal text on every mount. */
export function endedLately({ ends, since }: EndsDocument): EndsDocument {
  const newestFirst = Object.entries(ends).sort(([x, a], [y, b]) => (a > b || (a === b && x < y) ? -1 : 1));
  if (newestFirst.length === 0) return { ends, since };
  const from = timeOf(newestFirst[0][1]) - KEPT_MS;
  const outdated = newestFirst.findIndex(([, stamp]) => timeOf(stamp) < from);
  const kept = Math.min(outdated < 0 ? newestFirst.length : outdated, MAX_ENTRIES);
  const dropped = newestFirst.at(kept)?.[1] ?? '';
  return { ends: Object.fromEntries(newestFirst.slice(0, kept)), since: dropped > since ? dropped : since };
}

/** The newest entry, or what is known to have been dropped after it. */
export function newestIn({ ends, since }: EndsDocument): Stamp {
  return Object.values(ends).reduce((newest, stamp) => (stamp > newest ? stamp : newest), since);
}

export function joinEnds(a: EndsDocument, b: EndsDocument): EndsDocument {
  const ends: Record<string, Stamp> = { ...a.ends };
  for (const [subject, stamp] of Object.entries(b.ends)) {
    if (!Object.hasOwn(ends, subject) || ends[subject] < stamp) ends[subject] = stamp;
  }
  const joined = endedLately({ ends, since: a.since > b.since ? a.since : b.since });
  return JSON.stringify(joined) === JSON.stringify(a) ? a : joined;
}
