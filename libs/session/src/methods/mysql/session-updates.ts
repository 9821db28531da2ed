// The changes of the table `sessions` that go together: one statement and one commit for those of one turn.
import type { SessionRecord } from '../../port/records.js';
import type { KeyedUpdate } from './session-database.js';
import { bytes, headOf } from './session-rows.js';

export interface Change {
  readonly record: SessionRecord;
  /** What the record takes the place of. */
  readonly base: SessionRecord;
}

export interface Touch {
  readonly id: string;
  readonly idleEndsAt: number;
}

/** Puts a record in the place of its base. Each assignment holds in any order: MySQL promises none for several tables. */
export const UPDATE: KeyedUpdate<Change> = {
  alone: ({ record, base }) => {
    const { id, version, payload, idleEndsAt, userId, epoch } = record;
    return {
      sql: `UPDATE sessions SET version = ?, head = ?, payload = ?, idle_ends_at = GREATEST(idle_ends_at, ?),
        sweep_at = LEAST(GREATEST(idle_ends_at, ?), ends_at), user_id = ?, epoch = ? WHERE id = ? AND version = ? AND ended = 0`,
      parameters: [version, headOf(record), payload, idleEndsAt, idleEndsAt, userId, epoch, bytes(id), base.version],
    };
  },
  together: (changes) => ({
    sql: UPDATE_SEVERAL,
    parameters: [
      JSON.stringify(
        changes.map(({ record, base }) => {
          const { id, version, payload, idleEndsAt, userId, epoch } = record;
          return [id, idleEndsAt, base.version, version, headOf(record), payload, userId, epoch];
        }),
      ),
    ],
  }),
  bytesOf: ({ record }) => record.payload.length,
};

/** Moves the idle limit forward, and nothing else. */
export const TOUCH: KeyedUpdate<Touch> = {
  alone: ({ id, idleEndsAt }) => ({
    sql: `UPDATE sessions SET idle_ends_at = ?, sweep_at = LEAST(?, ends_at)
      WHERE id = ? AND ended = 0 AND idle_ends_at < ?`,
    parameters: [idleEndsAt, idleEndsAt, bytes(id), idleEndsAt],
  }),
  together: (touches) => ({
    sql: TOUCH_SEVERAL,
    parameters: [JSON.stringify(touches.map(({ id, idleEndsAt }) => [id, idleEndsAt]))],
  }),
  bytesOf: () => 0,
};

const UPDATE_SEVERAL = several(
  {
    base: 'INT UNSIGNED',
    version: 'INT UNSIGNED',
    head: 'VARCHAR(1000) CHARACTER SET ascii',
    payload: 'MEDIUMTEXT CHARACTER SET utf8mb4',
    user_id: 'VARCHAR(64) CHARACTER SET ascii',
    epoch: 'INT UNSIGNED',
  },
  't.version = c.base',
  `s.version = v.version, s.head = v.head, s.payload = v.payload, s.user_id = v.user_id, s.epoch = v.epoch,
    s.idle_ends_at = GREATEST(s.idle_ends_at, v.idle_ends_at),
    s.sweep_at = LEAST(GREATEST(s.idle_ends_at, v.idle_ends_at), s.ends_at)`,
);
const TOUCH_SEVERAL = several(
  {},
  't.idle_ends_at < c.idle_ends_at',
  's.idle_ends_at = v.idle_ends_at, s.sweep_at = LEAST(v.idle_ends_at, s.ends_at)',
);

/**
 * One text and one parameter, however many changes: rows of a JSON array, looked up by primary key one after the other. The
 * inner SELECT locks what matches and passes over what another transaction has locked; its LIMIT, which nothing reaches,
 * keeps it from being merged into the UPDATE, which would wait. A value that does not fit is an error, not NULL.
 */
function several(columns: Readonly<Record<string, string>>, condition: string, assignments: string): string {
  const all = { id: 'CHAR(32) CHARACTER SET ascii', idle_ends_at: 'BIGINT UNSIGNED', ...columns };
  const paths = Object.entries(all).map(([name, type], i) => `${name} ${type} PATH '$[${i}]' ERROR ON ERROR`);
  return `UPDATE (
      SELECT t.id AS row_id, c.* FROM JSON_TABLE(?, '$[*]' COLUMNS (${paths.join()})) c
      STRAIGHT_JOIN sessions t ON t.id = UNHEX(c.id) AND t.ended = 0 AND ${condition}
      LIMIT 1000 FOR UPDATE OF t SKIP LOCKED
    ) v STRAIGHT_JOIN sessions s ON s.id = v.row_id SET ${assignments}`;
}
