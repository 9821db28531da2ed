// What this server tells of many sessions at once: from its own copies, without a message to a peer for each.
import { setTimeout as sleep } from 'node:timers/promises';
import { fromRandom } from '../../core/from-random.js';
import { lifeOf } from '../../core/life.js';
import { toRecord, type Replica } from '../../replica/replica.js';
import type { Life } from '../../port/abilities.js';
import type { Kept } from './copies.js';
import type { SyncServer } from './sync-server.js';

/** Sessions that are not held here, for which the peers are asked at once. */
const ASKED_AT_ONCE = 32;
/** So long the ends of the others wait for the peers' answers. Milliseconds. */
const WAIT_MS = 100;
/** For so long it is not asked again whether there is a session that nobody has. Milliseconds. */
const ABSENT_FOR_MS = 5000;

export class SyncLives {
  private readonly records = new WeakMap<Kept, Life['record']>();
  private readonly asking = new Map<string, Promise<void>>();
  /** Sessions that nobody has, and until when that is believed. */
  private readonly absent = new Map<string, number>();

  constructor(private readonly server: Pick<SyncServer, 'copies' | 'reader' | 'succession' | 'caughtUp'>) {}

  /** See `SessionLives`. @throws StoreUnavailableError while this server has to catch up */
  async livesOf(ids: readonly string[]): Promise<ReadonlyMap<string, Life | undefined>> {
    await this.server.caughtUp();
    const { copies } = this.server;
    await this.ask(ids.filter((id) => !copies.kept(id) && !this.isAbsent(id)));
    const lives = new Map<string, Life | undefined>();
    for (const id of ids) {
      const kept = copies.kept(id);
      if (kept ? this.isConfirmed(id, kept) : this.isAbsent(id)) lives.set(id, kept && this.lifeIn(kept));
    }
    return lives;
  }

  /** What a leader may have to take back is neither a session's end nor its life. */
  private isConfirmed(id: string, { userId }: Kept): boolean {
    const confirmation = this.server.succession?.confirmation;
    if (!confirmation) return true;
    return !confirmation.isOpen(id) && (userId === null || !confirmation.isOpen(`@${userId}`));
  }

  private lifeIn(kept: Kept): Life | undefined {
    if (kept.kind !== 'sessions') return undefined;
    const record =
      this.records.get(kept) ?? lifeOf({ record: toRecord(JSON.parse(kept.json) as Replica), userEpoch: 0 }).record;
    this.records.set(kept, record);
    return { record, userEpoch: kept.userId === null ? 0 : this.server.copies.epochOf(kept.userId) };
  }

  private isAbsent(id: string): boolean {
    return (this.absent.get(id) ?? 0) > performance.now();
  }

  /** As a read would, for some of these, and for others the next time; returns when they have answered, or before. */
  private async ask(ids: readonly string[]): Promise<void> {
    for (const [id, until] of this.absent) if (until <= performance.now()) this.absent.delete(id);
    if (ids.length === 0) return;
    for (const id of fromRandom(ids)) {
      if (this.asking.size >= ASKED_AT_ONCE) break;
      if (this.asking.has(id)) continue;
      // What a peer has is held here from then on.
      const asked = this.server.reader.locate(id).then((copy) => {
        if (!copy) this.absent.set(id, performance.now() + ABSENT_FOR_MS);
      });
      const done = asked.catch(() => undefined).finally(() => this.asking.delete(id));
      this.asking.set(id, done);
    }
    await Promise.race([Promise.all(this.asking.values()), sleep(WAIT_MS, undefined, { ref: false })]);
  }
}
