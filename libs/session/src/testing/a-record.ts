// Records for tests of stores, as the module would write them.
import type { Json, SessionRecord } from '../port/records.js';
import { newId } from '../core/identity.js';

export const HOUR = 3_600_000;

/** A session's content as the module encodes it. */
export function payload(data: Json): string {
  return JSON.stringify({ v: 1, r: 0, d: data });
}

/** A record as the module would write it. */
export function aRecord(fields: Partial<SessionRecord> = {}): SessionRecord {
  const now = Date.now();
  return {
    id: newId(now),
    version: 1,
    secrets: { current: 'A'.repeat(43), since: now },
    payload: payload({ cart: { apple: 1 } }),
    idleEndsAt: now + HOUR / 2,
    endsAt: now + 8 * HOUR,
    userId: null,
    epoch: 0,
    writes: ['create-0000'],
    ...fields,
  };
}

/** The record's next version. */
export function next(record: SessionRecord, fields: Partial<SessionRecord> = {}): SessionRecord {
  return {
    ...record,
    version: record.version + 1,
    writes: [...record.writes, `w${record.version}-${fields.payload ?? ''}`],
    ...fields,
  };
}
