// The `mysql` method: each session in MySQL, read and written on its home node.
import { StoreUnavailableError } from '../../core/errors.js';
import type { Life, SessionIndex, SessionLift, SessionLives } from '../../port/abilities.js';
import type { Found, Mark, SessionRecord, WriteResult } from '../../port/records.js';
import { ownMark, type SessionCapabilities, type SessionStore } from '../../port/store.js';
import { hide } from '../../core/hide.js';
import { createdAt } from '../../core/identity.js';
import { LIVES, livesIn, type LifeRow } from './lives.js';
import { MysqlEpochs } from './mysql-epochs.js';
import { guard, isDuplicate, type Parameter, type TransactionalDatabase } from './session-database.js';
import { bytes, COLUMNS, placeholders, SELECT, toRecord, valuesOf, type Row } from './session-rows.js';
import { TOUCH, UPDATE } from './session-updates.js';

/**
 * For this long a row may be missing because it has not arrived yet: on a node, or on all that are left when the one
 * that took it has died. No sweep has removed it before: that waits for ten minutes after a session's end.
 */
const MAY_BE_ON_ITS_WAY_MS = 9 * 60_000;
/** How often all nodes are then asked. */
const ROUNDS = 8;
/** How long a session can live at most, where nothing else is known of it. */
const LONGEST_LIFE_MS = 30 * 24 * 3_600_000;

const INSERT = `INSERT INTO sessions (id, version, head, payload, idle_ends_at, ends_at, sweep_at, user_id, epoch)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`;
const INSERT_ENDED = `INSERT INTO sessions (id, version, ended, head, payload, idle_ends_at, ends_at, sweep_at)
  VALUES (?, 1, 1, '{}', '', ?, ?, ?)`;
const END = `UPDATE sessions SET ended = 1, version = version + 1, payload = '', head = '{}', sweep_at = ends_at
  WHERE id = ? AND ended = 0`;
const END_VERSION = `${END} AND version = ?`;

/**
 * Sessions in MySQL. Promises its full row of the table: reads and writes of a session meet on its home node, and
 * version, mark and certification catch a request that reaches another node for a moment.
 *
 * Each statement may be repeated by the cluster on another node: `update` and `destroy` name the version that they
 * expect or are the same the second time, and the caller finds its own write id in the record.
 */
export class MysqlSessionStore implements SessionStore, SessionIndex, SessionLift, SessionLives {
  readonly capabilities: SessionCapabilities = {
    method: 'mysql',
    mergesKeys: true,
    atomicUpdate: true,
    logoutWithinMs: 0,
    readsWhatYouSaw: true,
  };

  private readonly epochs: MysqlEpochs;

  constructor(private readonly database: TransactionalDatabase) {
    this.epochs = new MysqlEpochs(database);
    hide(this, 'database', 'epochs');
  }

  async find(id: string, seen?: Mark): Promise<Found | undefined> {
    const atLeast = Number(ownMark(seen, this.capabilities) ?? 0) || 0;
    const row = await this.row(id, atLeast);
    if (!row || row.ended) return undefined;
    if (row.version < atLeast) {
      throw new StoreUnavailableError(
        `No MySQL node has version ${atLeast} of the session yet; the newest is ${row.version}.`,
      );
    }
    return { record: toRecord(id, row), userEpoch: row.user_epoch ?? 0 };
  }

  async create(record: SessionRecord, instead?: SessionRecord): Promise<WriteResult> {
    const { id } = record;
    try {
      if (instead && (await this.createInstead(record, instead))) return { status: 'done', ended: true };
      if (!instead) await this.write(id, INSERT, valuesOf(record));
    } catch (error) {
      // The id is this record's alone: a row that has it was written by a try whose answer was lost.
      if (!isDuplicate(error)) throw error;
      const row = await this.row(id, 0);
      if (row?.ended) return { status: 'gone' };
      if (row) return { status: 'done', record: toRecord(id, row) };
    }
    return { status: 'done' };
  }

  /**
   * One commit for both, on the node where the old session is at home; false when that was not at this version. The new one
   * is on every node when this has returned, as the end of the old one is.
   */
  private createInstead(record: SessionRecord, { id, version }: SessionRecord): Promise<boolean> {
    const work = this.database.transaction(
      async (transaction) => {
        await transaction.write(INSERT, valuesOf(record));
        const { affectedRows } = await transaction.write(END_VERSION, [bytes(id), version]);
        return affectedRows > 0;
      },
      { key: id, everywhere: true },
    );
    return guard(work);
  }

  async update(record: SessionRecord, base: SessionRecord): Promise<WriteResult> {
    const { id, version } = record;
    const { affectedRows, repeated } = await guard(this.database.writeByKey(UPDATE, { record, base }, { key: id }));
    if (affectedRows > 0) return { status: 'done' };
    const now = await this.current(id, base.version);
    if (!repeated || now.status !== 'conflict') return now;
    // It was one of several that went together, or its answer was lost: the record tells whether it has taken effect.
    const { current } = now;
    if (isWriteIn(current, record, base))
      return { status: 'done', ...(current.version !== version && { record: current }) };
    // The row was locked: this waits for it.
    return current.version === base.version ? this.updateAlone(record, base) : now;
  }

  async updateAbove(record: SessionRecord, base: SessionRecord): Promise<WriteResult> {
    const { id, userId, epoch } = record;
    const work = this.database.transaction(
      async (transaction) => {
        const before = await this.epochs.lockIn(transaction, userId!);
        if (before !== undefined && before >= epoch) return 'reached';
        const { sql, parameters } = UPDATE.alone({ record, base });
        const { affectedRows } = await transaction.write(sql, parameters);
        if (affectedRows === 0) return 'conflict';
        await this.epochs.setIn(transaction, userId!, before, epoch);
        return 'done';
      },
      { key: id, everywhere: true },
    );
    const status = await guard(work).catch((error: unknown) => {
      // Another was the first to raise this user's epoch.
      if (isDuplicate(error)) return 'conflict' as const;
      throw error;
    });
    if (status === 'done') return { status };
    const now = await this.current(id, base.version);
    if (status === 'conflict' || now.status !== 'conflict') return now;
    return now.current.epoch >= epoch ? { status: 'done', record: now.current } : { status: 'gone' };
  }

  async touch(id: string, idleEndsAt: number): Promise<void> {
    const touch = { id, idleEndsAt };
    const { affectedRows, repeated } = await guard(this.database.writeByKey(TOUCH, touch, { key: id }));
    if (affectedRows > 0 || !repeated) return;
    // One of those that went together was not to be moved, or its row was locked: this waits for it.
    const { sql, parameters } = TOUCH.alone(touch);
    await this.write(id, sql, parameters);
  }

  async destroy(id: string, ifVersion?: number): Promise<WriteResult> {
    const sql = ifVersion === undefined ? END : END_VERSION;
    const parameters = ifVersion === undefined ? [bytes(id)] : [bytes(id), ifVersion];
    for (let attempt = 0; attempt < ROUNDS; attempt++) {
      const { affectedRows } = await this.write(id, sql, parameters, true);
      if (affectedRows > 0) return { status: 'done' };
      const row = await this.row(id, 0);
      if (row?.ended) return { status: 'gone' };
      if (row && ifVersion !== undefined) return { status: 'conflict', current: toRecord(id, row) };
      // A row that had not arrived when the write came by is there now: end that one.
      if (!row && (!mayBeOnItsWay(id) || (await this.endUnseen(id)))) return { status: 'gone' };
    }
    throw new StoreUnavailableError(
      `The MySQL nodes do not agree whether the session exists, after ${ROUNDS} attempts: try again.`,
    );
  }

  async sweep(before: number, limit: number): Promise<number> {
    // The oldest ones have the lowest keys; one common node for all servers, so that they do not work against each other.
    const sql = `DELETE FROM sessions WHERE sweep_at < ? ORDER BY sweep_at LIMIT ${Math.trunc(limit)}`;
    return (await this.write('sweep', sql, [before])).affectedRows;
  }

  async listByUser(userId: string): Promise<SessionRecord[]> {
    const found = await guard(this.database.readAll<Row>('SELECT id FROM sessions WHERE user_id = ?', [userId]));
    const ids = [...new Set(found.flat().map(({ id }) => id.toString('hex')))];
    if (ids.length === 0) return [];
    // Asked for once more by their ids: a node that is a write behind may still hold one as this user's that is no more.
    const sql = `SELECT ${COLUMNS} FROM sessions s WHERE s.id IN (${placeholders(ids.length)})`;
    const newest = new Map<string, Row>();
    for (const row of (await guard(this.database.readAll<Row>(sql, ids.map(bytes)))).flat()) {
      const id = row.id.toString('hex');
      const known = newest.get(id);
      if (!known || row.version > known.version) newest.set(id, row);
    }
    const live = [...newest].filter(([, row]) => !row.ended && row.user_id === userId);
    return live.map(([id, row]) => toRecord(id, row)).sort((a, b) => createdAt(b.id) - createdAt(a.id));
  }

  /** Asks all nodes: an end counts as soon as one of them knows it. */
  async livesOf(ids: readonly string[]): Promise<ReadonlyMap<string, Life | undefined>> {
    const rows = await guard(this.database.readAll<LifeRow>(LIVES, [JSON.stringify(ids)]));
    return livesIn(ids, rows.flat(), mayBeOnItsWay);
  }

  epochOf(userId: string): Promise<number> {
    return this.epochs.epochOf(userId);
  }

  raiseEpoch(userId: string): Promise<number> {
    return this.epochs.raiseEpoch(userId);
  }

  /** In the place of a row that may be on its way, of which then one is refused; false when that one was faster. */
  private async endUnseen(id: string): Promise<boolean> {
    const endsAt = createdAt(id) + LONGEST_LIFE_MS;
    try {
      await this.write(id, INSERT_ENDED, [bytes(id), endsAt, endsAt, endsAt], true);
      return true;
    } catch (error) {
      if (isDuplicate(error)) return false;
      throw error;
    }
  }

  private async updateAlone(record: SessionRecord, base: SessionRecord): Promise<WriteResult> {
    const { sql, parameters } = UPDATE.alone({ record, base });
    const { affectedRows } = await this.write(record.id, sql, parameters);
    return affectedRows > 0 ? { status: 'done' } : this.current(record.id, base.version);
  }

  private async current(id: string, atLeast: number): Promise<WriteResult> {
    // A node that took over a moment ago may be a write behind what the caller has read.
    const row = await this.row(id, atLeast);
    return row && !row.ended ? { status: 'conflict', current: toRecord(id, row) } : { status: 'gone' };
  }

  /** @throws StoreUnavailableError when no node has a row of which a version was seen, and which may be on its way */
  private async row(id: string, atLeast: number): Promise<Row | undefined> {
    const acceptable = ([row]: readonly Row[]) => row !== undefined && (row.ended === 1 || row.version >= atLeast);
    const isYoung = mayBeOnItsWay(id);
    const rounds = atLeast > 1 || isYoung ? ROUNDS : 1;
    const row = await guard(this.database.readByKey(SELECT, bytes(id), { key: id, acceptable, rounds }));
    if (!row && atLeast > 0 && isYoung)
      throw new StoreUnavailableError(
        `No reachable MySQL node has the session, although the browser has seen version ${atLeast}: try again.`,
      );
    return row;
  }

  private write(key: string, sql: string, parameters: readonly Parameter[], everywhere = false) {
    return guard(this.database.write(sql, parameters, { key, everywhere }));
  }
}

/** Whether the write that makes this record of its base is in what is stored. */
function isWriteIn(stored: SessionRecord, record: SessionRecord, base: SessionRecord): boolean {
  const write = record.writes.at(-1);
  return write !== undefined && !base.writes.includes(write) && stored.writes.includes(write);
}

function mayBeOnItsWay(id: string): boolean {
  return Date.now() - createdAt(id) < MAY_BE_ON_ITS_WAY_MS;
}
