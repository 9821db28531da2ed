// Carries out writes on this server's own copies.
import { randomUUID } from 'node:crypto';
import { originNamed } from '../../replica/hybrid-clock.js';
import {
  createReplica,
  endReplica,
  markOf,
  tombstoneOf,
  toRecord,
  touchReplica,
  updateReplica,
} from '../../replica/replica.js';
import type { SessionRecord, WriteResult } from '../../port/records.js';
import { createdAt } from '../../core/identity.js';
import type { Copies } from './copies.js';
import type { Direction } from './direction.js';
import type { Membership } from './membership.js';
import type { Entry, Write, WriteAnswer } from './messages.js';
import type { Reader } from './reader.js';

/** How long a tombstone of a session that nobody here knows is kept: no session is longer. Milliseconds. */
const LONGEST_LIFE = 31 * 24 * 3_600_000;

/**
 * Keeps a change and sends it to the peers; resolves when enough of them hold it, with `toAll` every reachable one.
 * @throws StoreUnavailableError
 */
export type Commit = (entry: Entry, toAll: boolean) => Promise<void>;

/** Carries out this server's own writes, and those that peers send it. */
export class Writer implements Direction {
  /**
   * Raised epochs are counted under this name. A process that has lost its memory, or has taken back a count, would
   * count the same again under the same name.
   */
  private counter = originNamed(randomUUID());

  constructor(
    private readonly copies: Copies,
    private readonly reader: Reader,
    private readonly membership: Membership,
    private readonly commit: Commit,
  ) {}

  /** Earlier counts may have been taken back. */
  countAnew(): void {
    this.counter = originNamed(randomUUID());
  }

  /** @throws StoreUnavailableError */
  async write<W extends Write>(write: W): Promise<WriteAnswer<W>> {
    return (await this.dispatch(write)) as WriteAnswer<W>;
  }

  accept<W extends Write>(write: W): Promise<WriteAnswer<W>> {
    return this.write(write);
  }

  private dispatch(write: Write): Promise<unknown> {
    switch (write[0]) {
      case 'create':
        return this.create(write[1]);
      case 'update':
        return this.update(write[1], write[2]);
      case 'touch':
        return this.touch(write[1], write[2]);
      case 'destroy':
        return this.destroy(write[1], write[2]);
      case 'raiseEpoch':
        return this.raiseEpoch(write[1]);
      case 'entomb':
        return this.entomb(write[1], write[2]);
    }
  }

  private async create(record: SessionRecord): Promise<WriteResult> {
    const known = this.copies.session(record.id);
    if (known?.ended) return { status: 'gone' };
    const copy = known ?? createReplica(record, this.copies.clock.tick());
    await this.commit(copy, false);
    return { status: 'done', mark: markOf(copy), ...(known && { record: toRecord(copy) }) };
  }

  private async update(record: SessionRecord, base: SessionRecord): Promise<WriteResult> {
    const before = await this.reader.locate(record.id);
    if (!before || before.ended) return { status: 'gone' };
    // A write that is repeated is sent again: the first try may have been acknowledged by nobody.
    const write = record.writes.at(-1)!;
    const isRepeated = before.writes.includes(write) && !base.writes.includes(write);
    const copy = isRepeated ? before : updateReplica(before, record, base, this.copies.clock.tick());
    await this.commit(copy, false);
    const isMerged = isRepeated || toRecord(before).version !== base.version;
    return { status: 'done', mark: markOf(copy), ...(isMerged && { record: toRecord(copy) }) };
  }

  private async touch(id: string, idleEndsAt: number): Promise<null> {
    const before = await this.reader.locate(id);
    const copy = before && touchReplica(before, idleEndsAt);
    if (copy && copy !== before) await this.commit(copy, false);
    return null;
  }

  private async destroy(id: string, ifVersion: number | null): Promise<WriteResult> {
    // Every server that has a copy gets the tombstone, also a peer that cannot be asked just now.
    const before = await this.reader.locate(id).catch(() => undefined);
    if (!before && this.membership.members.every(({ isUp }) => isUp)) return { status: 'gone' };
    if (before && !before.ended && ifVersion !== null && before.version !== ifVersion)
      return { status: 'conflict', current: toRecord(before) };
    const stamp = this.copies.clock.tick();
    const copy = before ? endReplica(before, stamp) : tombstoneOf(id, createdAt(id) + LONGEST_LIFE, stamp);
    await this.commit(copy, true);
    return { status: before && !before.ended ? 'done' : 'gone' };
  }

  private async raiseEpoch(userId: string): Promise<number> {
    const { counter, copies } = this;
    const { raised } = copies.epochsOf(userId);
    await this.commit({ userId, raised: { ...raised, [counter]: (raised[counter] ?? 0) + 1 } }, true);
    // With what others raised meanwhile, so that a session that is to live on is lifted above it all.
    return copies.epochOf(userId);
  }

  /** The tombstone of a session that no server has to know. */
  private async entomb(id: string, endsAt: number): Promise<null> {
    await this.commit(tombstoneOf(id, endsAt, this.copies.clock.tick()), true);
    return null;
  }
}
