// What MySQL tells of many sessions at once.
import type { RowDataPacket } from 'mysql2';
import { HEAD } from '../../core/life.js';
import type { Life } from '../../port/abilities.js';

/** One parameter, however many ids: a statement of its own for each number of them would fill every server's cache. */
export const LIVES = `SELECT t.id, s.version, s.ended, s.idle_ends_at, s.ends_at, LEFT(s.payload, ${HEAD}) AS payload, s.user_id,
    s.epoch, e.epoch AS user_epoch
  FROM JSON_TABLE(?, '$[*]' COLUMNS (id CHAR(32) PATH '$')) AS t
  JOIN sessions s ON s.id = UNHEX(t.id) LEFT JOIN session_epochs e ON e.user_id = s.user_id`;

export interface LifeRow extends RowDataPacket {
  id: string;
  version: number;
  ended: number;
  idle_ends_at: number;
  ends_at: number;
  payload: string;
  user_id: string | null;
  epoch: number;
  user_epoch: number | null;
}

/**
 * @param rows of all nodes: of several copies the newest counts, and an end counts in whichever copy it is
 * @param mayBeOnItsWay whether a session of this id may be on a node that has not told of it
 */
export function livesIn(
  ids: readonly string[],
  rows: readonly LifeRow[],
  mayBeOnItsWay: (id: string) => boolean,
): ReadonlyMap<string, Life | undefined> {
  const newest = new Map<string, LifeRow>();
  for (const row of rows) {
    const known = newest.get(row.id);
    if (!known || row.version > known.version) newest.set(row.id, { ...row, ...latest(row, known) });
    else newest.set(row.id, { ...known, ...latest(known, row) });
  }
  const told = ids.filter((id) => newest.has(id) || !mayBeOnItsWay(id));
  return new Map(
    told.map((id) => {
      const row = newest.get(id);
      return [id, row && !row.ended ? toLife(row) : undefined];
    }),
  );
}

function latest(row: LifeRow, other = row): Pick<LifeRow, 'ended' | 'idle_ends_at' | 'user_epoch'> {
  return {
    ended: Math.max(row.ended, other.ended),
    idle_ends_at: Math.max(row.idle_ends_at, other.idle_ends_at),
    user_epoch: Math.max(row.user_epoch ?? 0, other.user_epoch ?? 0),
  };
}

function toLife({
  idle_ends_at: idleEndsAt,
  ends_at: endsAt,
  payload,
  user_id: userId,
  epoch,
  user_epoch,
}: LifeRow): Life {
  return { record: { idleEndsAt, endsAt, payload, userId, epoch }, userEpoch: user_epoch ?? 0 };
}
