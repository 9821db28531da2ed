// Stores that each break one promise on purpose: what finds faults in stores is only worth what it finds in these.
import { setTimeout as sleep } from 'node:timers/promises';
import { MemorySessionStore, SharedMemory } from '../methods/memory/memory-session-store.js';
import type { Found, SessionRecord, WriteResult } from '../port/records.js';

const memory = new MemorySessionStore().capabilities;

/** A memory store whose parts a subclass breaks. */
export class WholeStore extends MemorySessionStore {
  constructor(protected readonly shared: SharedMemory) {
    super(shared);
  }

  protected put(record: SessionRecord, live = true): void {
    this.shared.records.set(record.id, { record, live });
  }
}

export type StoreOnMemory = new (memory: SharedMemory) => WholeStore;

/** By what is wrong with it: the store, and (part of) the name of a test that must catch it. */
export const brokenStores: Readonly<Record<string, { readonly store: StoreOnMemory; readonly caughtBy: string }>> = {
  'touch revives': {
    caughtBy: 'does not bring an ended session back by a late touch',
    store: class extends WholeStore {
      override async touch(id: string, idleEndsAt: number) {
        const kept = this.shared.records.get(id);
        if (kept) this.put({ ...kept.record, idleEndsAt });
      }
    },
  },
  'update is an upsert': {
    caughtBy: 'adds nothing by an update',
    store: class extends WholeStore {
      override async update(record: SessionRecord, base: SessionRecord): Promise<WriteResult> {
        const result = await super.update(record, base);
        if (result.status !== 'gone') return result;
        this.put(record);
        return { status: 'done' };
      }
    },
  },
  'a late create revives': {
    caughtBy: 'does not bring an ended session back by a late create',
    store: class extends WholeStore {
      override async create(record: SessionRecord): Promise<WriteResult> {
        if (!(await this.find(record.id))) this.put(record);
        return { status: 'done' };
      }
    },
  },
  'create overwrites': {
    caughtBy: 'does not let a repeated create undo what came after it',
    store: class extends WholeStore {
      override async create(record: SessionRecord): Promise<WriteResult> {
        if (this.shared.records.get(record.id)?.live !== false) this.put(record);
        return super.create(record);
      }
    },
  },
  'a create that says it has ended another session, and has not': {
    caughtBy: 'ends a session together with the create of another one as it says, and no other version of it',
    store: class extends WholeStore {
      override async create(record: SessionRecord, instead?: SessionRecord): Promise<WriteResult> {
        const result = await super.create(record);
        return result.status === 'done' && instead ? { ...result, ended: true } : result;
      }
    },
  },
  'a create that ends whatever version there is of another session': {
    caughtBy: 'ends a session together with the create of another one as it says, and no other version of it',
    store: class extends WholeStore {
      override async create(record: SessionRecord, instead?: SessionRecord): Promise<WriteResult> {
        const result = await super.create(record);
        if (result.status !== 'done' || !instead) return result;
        await this.destroy(instead.id);
        return { ...result, ended: true };
      }
    },
  },
  'expiry is ignored': {
    caughtBy: 'sweeps what has ended',
    store: class extends WholeStore {
      override sweep = () => Promise.resolve(0);
    },
  },
  'the sweep takes tombstones early': {
    caughtBy: 'sweeps what has ended',
    store: class extends WholeStore {
      override async sweep(before: number, limit: number) {
        for (const [id, { record, live }] of this.shared.records)
          if (!live && record.idleEndsAt < before) this.shared.records.delete(id);
        return super.sweep(before, limit);
      }
    },
  },
  'the sweep takes what lives': {
    caughtBy: 'sweeps what has ended',
    store: class extends WholeStore {
      override async sweep() {
        const { size } = this.shared.records;
        this.shared.records.clear();
        return size;
      }
    },
  },
  'destroy does nothing': {
    caughtBy: 'is dead on every server once a logout is acknowledged',
    store: class extends WholeStore {
      override destroy = () => Promise.resolve<WriteResult>({ status: 'done' });
    },
  },
  'destroy forgets instead of keeping a tombstone': {
    caughtBy: 'does not bring an ended session back by a late create',
    store: class extends WholeStore {
      override async destroy(id: string, ifVersion?: number) {
        const result = await super.destroy(id, ifVersion);
        if (result.status === 'done') this.shared.records.delete(id);
        return result;
      }
    },
  },
  'destroy does not look at the version': {
    caughtBy: 'ends only the version that it was told',
    store: class extends WholeStore {
      override destroy = (id: string) => super.destroy(id);
    },
  },
  'the version is not checked': {
    caughtBy: 'loses neither of two updates of one version',
    store: class extends WholeStore {
      override async update(record: SessionRecord): Promise<WriteResult> {
        const found = await this.find(record.id);
        return found ? super.update(record, found.record) : { status: 'gone' };
      }
    },
  },
  'the version is checked and then written, not both at once': {
    caughtBy: 'lets exactly one of many concurrent updates win',
    store: class extends WholeStore {
      override async update(record: SessionRecord, base: SessionRecord): Promise<WriteResult> {
        const found = await this.find(record.id);
        await sleep(1);
        if (found?.record.version === base.version && (await this.find(record.id))) this.put(record);
        else return super.update(record, base);
        return { status: 'done' };
      }
    },
  },
  'merges by whole record': {
    caughtBy: 'loses neither of two updates of one version',
    store: class extends WholeStore {
      override readonly capabilities = { ...memory, atomicUpdate: false };
      override async update(record: SessionRecord): Promise<WriteResult> {
        const found = await this.find(record.id);
        return found ? super.update(record, found.record) : { status: 'gone' };
      }
    },
  },
  'the index forgets who logs in': {
    caughtBy: 'lists a session under whose it has become',
    store: class extends WholeStore {
      override async listByUser(userId: string) {
        return (await super.listByUser(userId)).filter(({ version }) => version === 1);
      }
    },
  },
  'the index forgets one': {
    caughtBy: "knows a user's sessions and epochs",
    store: class extends WholeStore {
      override listByUser = async (userId: string) => (await super.listByUser(userId)).slice(0, 1);
    },
  },
  'the index keeps what has ended': {
    caughtBy: "knows a user's sessions and epochs",
    store: class extends WholeStore {
      override async listByUser(userId: string) {
        return [...this.shared.records.values()].map(({ record }) => record).filter((r) => r.userId === userId);
      }
    },
  },
  'raiseEpoch does nothing': {
    caughtBy: 'are all ended but one, on every server',
    store: class extends WholeStore {
      override raiseEpoch = async (userId: string) => (await this.epochOf(userId)) + 1;
    },
  },
  'find does not know the epoch': {
    caughtBy: 'end also when a login races with the end of all',
    store: class extends WholeStore {
      override async find(id: string): Promise<Found | undefined> {
        const found = await super.find(id);
        return found && { ...found, userEpoch: 0 };
      }
    },
  },
  'update moves the idle limit backward': {
    caughtBy: 'moves the idle limit forward only',
    store: class extends WholeStore {
      override async update(record: SessionRecord, base: SessionRecord): Promise<WriteResult> {
        const result = await super.update(record, base);
        if (result.status === 'done') this.put(record);
        return result;
      }
    },
  },
  'touch moves the idle limit backward': {
    caughtBy: 'moves the idle limit forward only',
    store: class extends WholeStore {
      override async touch(id: string, idleEndsAt: number) {
        const found = await this.find(id);
        if (found) this.put({ ...found.record, idleEndsAt });
      }
    },
  },
  'touch does nothing': {
    caughtBy: 'moves the idle limit forward only',
    store: class extends WholeStore {
      override touch = () => Promise.resolve();
    },
  },
  'touch writes the whole record back': {
    caughtBy: 'keeps what another writes when it touches',
    store: class extends WholeStore {
      override async touch(id: string, idleEndsAt: number) {
        const found = await this.find(id);
        await sleep(1);
        if (found && (await this.find(id)) && found.record.idleEndsAt < idleEndsAt)
          this.put({ ...found.record, idleEndsAt });
      }
    },
  },
  'touch raises the version': {
    caughtBy: 'moves the idle limit forward only',
    store: class extends WholeStore {
      override async touch(id: string, idleEndsAt: number) {
        const found = await this.find(id);
        if (!found || found.record.idleEndsAt >= idleEndsAt) return;
        this.put({ ...found.record, version: found.record.version + 1, idleEndsAt });
      }
    },
  },
  'the absolute limit moves with each write (CVE-2024-35220)': {
    caughtBy: 'updates the version it expects',
    store: class extends WholeStore {
      override update = (record: SessionRecord, base: SessionRecord) =>
        super.update({ ...record, endsAt: record.endsAt + 1000 }, base);
    },
  },
  'write ids are not kept': {
    caughtBy: 'counts a write once whose answer was lost',
    store: class extends WholeStore {
      override update = (record: SessionRecord, base: SessionRecord) => super.update({ ...record, writes: [] }, base);
    },
  },
  'content is cut': {
    caughtBy: 'gives back on every server exactly what was created on one',
    store: class extends WholeStore {
      override create = (record: SessionRecord) => super.create({ ...record, payload: record.payload.slice(0, 4000) });
    },
  },
  'a copy lags and ignores the mark': {
    caughtBy: 'updates the version it expects, and shows it on every server',
    store: class extends WholeStore {
      private readonly copies = new Map<string, Found>();
      override async find(id: string): Promise<Found | undefined> {
        const found = await super.find(id);
        const lagging = found && this.copies.get(id);
        if (found) this.copies.set(id, found);
        return lagging ?? found;
      }
      override async create(record: SessionRecord) {
        const result = await super.create(record);
        await this.find(record.id);
        return result;
      }
    },
  },
  'a server keeps its sessions to itself': {
    caughtBy: 'gives back on every server exactly what was created on one',
    store: class extends WholeStore {
      constructor() {
        super(new SharedMemory());
      }
    },
  },
  'a fault is reported as an absence': {
    caughtBy: 'throws when it cannot answer',
    store: class extends WholeStore {
      override async find(id: string) {
        return super.find(id).catch(() => undefined);
      }
    },
  },
};
