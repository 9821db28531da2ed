// Sessions in this process: for tests and for one server. The smallest complete store: read it before you write one.
import { StoreUnavailableError } from '../../core/errors.js';
import { hide } from '../../core/hide.js';
import {
  VISITORS_PART,
  type Life,
  type SessionIndex,
  type SessionLives,
  type SessionRoom,
} from '../../port/abilities.js';
import type { Found, SessionRecord, WriteResult } from '../../port/records.js';
import type { SessionCapabilities, SessionStore } from '../../port/store.js';

/** What several `MemorySessionStore`s of one process share, as servers share a database. */
export class SharedMemory {
  /** Live records and tombstones (`live: false`). */
  readonly records = new Map<string, { record: SessionRecord; live: boolean }>();
  readonly epochs = new Map<string, number>();
}

export class MemorySessionStore implements SessionStore, SessionIndex, SessionLives, SessionRoom {
  readonly capabilities: SessionCapabilities = {
    method: 'memory',
    mergesKeys: true,
    atomicUpdate: true,
    logoutWithinMs: 0,
    readsWhatYouSaw: true,
  };

  /**
   * @param maxRecords beyond this many a new session is refused: a live one is never dropped for it. The last quarter is for
   * users: a visitor's is refused before
   */
  constructor(
    private readonly memory = new SharedMemory(),
    private readonly maxRecords = 1_000_000,
  ) {
    hide(this, 'memory');
  }

  /** See `SessionRoom`. */
  get isForUsersOnly(): boolean {
    return this.memory.records.size >= VISITORS_PART * this.maxRecords;
  }

  async find(id: string): Promise<Found | undefined> {
    const record = this.live(id);
    return record && { record, userEpoch: record.userId === null ? 0 : await this.epochOf(record.userId) };
  }

  async create(record: SessionRecord): Promise<WriteResult> {
    const { records } = this.memory;
    const known = records.get(record.id);
    if (known) return known.live ? { status: 'done', record: known.record } : { status: 'gone' };
    if (records.size >= this.maxRecords)
      throw new StoreUnavailableError(`The memory store is full: it holds ${records.size} sessions. Raise maxRecords.`);
    records.set(record.id, { record, live: true });
    return { status: 'done' };
  }

  async update(record: SessionRecord, base: SessionRecord): Promise<WriteResult> {
    const current = this.live(record.id);
    if (!current) return { status: 'gone' };
    if (current.version !== base.version) return { status: 'conflict', current };
    const idleEndsAt = Math.max(current.idleEndsAt, record.idleEndsAt);
    this.memory.records.set(record.id, { record: { ...record, idleEndsAt }, live: true });
    return { status: 'done' };
  }

  async touch(id: string, idleEndsAt: number): Promise<void> {
    const record = this.live(id);
    if (record && record.idleEndsAt < idleEndsAt) {
      this.memory.records.set(id, { record: { ...record, idleEndsAt }, live: true });
    }
  }

  async destroy(id: string, ifVersion?: number): Promise<WriteResult> {
    const current = this.live(id);
    if (!current) return { status: 'gone' };
    if (ifVersion !== undefined && current.version !== ifVersion) return { status: 'conflict', current };
    this.memory.records.set(id, { record: { ...current, payload: '' }, live: false });
    return { status: 'done' };
  }

  async sweep(before: number, limit: number): Promise<number> {
    let removed = 0;
    for (const [id, { record, live }] of this.memory.records) {
      if (removed >= limit) break;
      const end = live ? Math.min(record.idleEndsAt, record.endsAt) : record.endsAt;
      if (end < before && this.memory.records.delete(id)) removed++;
    }
    return removed;
  }

  async listByUser(userId: string): Promise<SessionRecord[]> {
    const all = [...this.memory.records.values()];
    return all
      .filter(({ record, live }) => live && record.userId === userId)
      .map(({ record }) => record)
      .reverse();
  }

  async epochOf(userId: string): Promise<number> {
    return this.memory.epochs.get(userId) ?? 0;
  }

  async raiseEpoch(userId: string): Promise<number> {
    const epoch = (this.memory.epochs.get(userId) ?? 0) + 1;
    this.memory.epochs.set(userId, epoch);
    return epoch;
  }

  async livesOf(ids: readonly string[]): Promise<ReadonlyMap<string, Life | undefined>> {
    return new Map(await Promise.all(ids.map(async (id) => [id, await this.find(id)] as const)));
  }

  private live(id: string): SessionRecord | undefined {
    const kept = this.memory.records.get(id);
    return kept?.live ? kept.record : undefined;
  }
}
