// A row of the table `sessions`, and what a record is in it.
import type { RowDataPacket } from 'mysql2';
import type { SessionRecord, SessionSecrets } from '../../port/records.js';
import type { Parameter } from './session-database.js';

export interface Row extends RowDataPacket {
  id: Buffer;
  version: number;
  ended: number;
  head: string;
  payload: string;
  idle_ends_at: number;
  ends_at: number;
  user_id: string | null;
  epoch: number;
  user_epoch: number | null;
}

/** In one column, since few queries look at it. */
interface Head {
  secrets: SessionSecrets;
  writes: string[];
}

export const COLUMNS = `s.id, s.version, s.ended, s.head, s.payload, s.idle_ends_at, s.ends_at, s.user_id, s.epoch`;
const JOINED = `SELECT ${COLUMNS}, e.epoch AS user_epoch FROM sessions s
  LEFT JOIN session_epochs e ON e.user_id = s.user_id`;
const texts = new Map<number, string>();
/** Sessions, each with the epoch of its user. */
export const SELECT = {
  sql: (count: number): string => {
    const text = texts.get(count) ?? `${JOINED} WHERE s.id IN (${placeholders(count)})`;
    texts.set(count, text);
    return text;
  },
  keyOf: (row: Row) => row.id.toString('hex'),
};

export function placeholders(count: number): string {
  return Array.from({ length: count }, () => '?').join();
}

export function toRecord(id: string, row: Row): SessionRecord {
  const { secrets, writes } = JSON.parse(row.head) as Head;
  const { version, payload, idle_ends_at: idleEndsAt, ends_at: endsAt, user_id: userId, epoch } = row;
  return { id, version, secrets, payload, idleEndsAt, endsAt, userId, epoch, writes };
}

/** The values of `INSERT`. */
export function valuesOf(record: SessionRecord): Parameter[] {
  const { id, version, payload, idleEndsAt, endsAt, userId, epoch } = record;
  const sweepAt = Math.min(idleEndsAt, endsAt);
  return [bytes(id), version, headOf(record), payload, idleEndsAt, endsAt, sweepAt, userId, epoch];
}

export function headOf({ secrets, writes }: SessionRecord): string {
  return JSON.stringify({ secrets, writes });
}

export function bytes(id: string): Buffer {
  return Buffer.from(id, 'hex');
}
