// The copies of one session in two places: which one is newer, and how the other catches up.
import type { Found, Mark, SessionRecord } from '../port/records.js';
import type { SessionStore } from '../port/store.js';

export interface Copies {
  readonly old?: Found | undefined;
  readonly new?: Found | undefined;
}

/** The copy that is behind, brought to the state of `record`; undefined where another server did it, or there is nothing to do. */
export async function catchUp(place: SessionStore, behind: Found, record: SessionRecord): Promise<Found | undefined> {
  const { record: copy } = behind;
  if (lastWrite(copy) === lastWrite(record)) {
    if (copy.idleEndsAt >= record.idleEndsAt) return undefined;
    await place.touch(copy.id, record.idleEndsAt);
    return { ...behind, record: { ...copy, idleEndsAt: record.idleEndsAt } };
  }
  const next = { ...record, version: copy.version + 1 };
  const result = await place.update(next, copy);
  if (result.status !== 'done') return undefined;
  return { ...behind, record: result.record ?? next, mark: result.mark ?? String(next.version) };
}

/** With the later of both idle limits. */
export function newest({ old, new: young }: Copies): Found | undefined {
  if (!old || !young) return young ?? old;
  const winner = isOldNewer(old.record, young.record) ? old : young;
  const idleEndsAt = Math.max(old.record.idleEndsAt, young.record.idleEndsAt);
  // The same object: callers tell by it which copy has won.
  if (winner.record.idleEndsAt === idleEndsAt) return winner;
  (winner as { record: SessionRecord }).record = { ...winner.record, idleEndsAt };
  return winner;
}

function isOldNewer(old: SessionRecord, young: SessionRecord): boolean {
  if (isAhead(old, young)) return true;
  if (old.writes.some((write) => young.writes.includes(write))) return false;
  // One is more writes behind than a record remembers. Every write moves the idle limit; versions are each place's own.
  return old.idleEndsAt > young.idleEndsAt;
}

/** Whether this copy contains the other's last write, and more. */
export function isAhead(record: SessionRecord, other: SessionRecord): boolean {
  const last = lastWrite(other);
  return last !== undefined && lastWrite(record) !== last && record.writes.includes(last);
}

export function lastWrite({ writes }: SessionRecord): string | undefined {
  return writes.at(-1);
}

export function markOf(found: Found | undefined): Mark | undefined {
  return found && (found.mark ?? String(found.record.version));
}
