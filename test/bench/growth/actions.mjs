// What a growing site does with its store: each action once, on sessions of a working set.
import { changed, newRecord, TOUCHED_MS } from './content.mjs';

/** The working set: of each size as many sessions, evenly over all of their time, so that hardly two share a page. */
export const WORKING_SET = 2000;

/** The sessions that are used, as they are stored now. */
export class WorkingSet {
  /** @param method the name of the store's method, which begins its marks */
  constructor(store, method, generated) {
    Object.assign(this, { store, method, generated, next: 0, created: [] });
  }

  /** Reads all of them, so that they are in memory as far as there is room. */
  async warm(amount = WORKING_SET) {
    this.sessions = [];
    for (const n of this.generated.evenly(amount)) {
      const found = await this.store.find(this.generated.id(n));
      if (!found) throw new Error(`The ${this.method} store does not find generated session ${n}.`);
      this.sessions.push({ record: found.record, mark: found.mark ?? String(found.record.version) });
    }
  }

  /** In an order in which neighbours do not follow each other. */
  take() {
    this.next = (this.next + 7919) % this.sessions.length;
    return this.sessions[this.next];
  }

  /** So many sessions of users of the working set that begin now, for actions that use them up. */
  async make(amount) {
    const records = [];
    for (let i = 0; i < amount; i++) records.push(newRecord(this.take().record.userId, this.generated.payload));
    for (let i = 0; i < amount; i += 32)
      await Promise.all(records.slice(i, i + 32).map((record) => this.store.create(record)));
    this.created.push(...records);
    return records;
  }
}

/** Each answers a function that does the action once. `spent`: as many sessions are made before, and are over after it. */
export const ACTIONS = {
  read: {
    about: 'reads a session',
    once: (set) => async () => {
      const { record, mark } = set.take();
      const found = await set.store.find(record.id, `${set.method}_${mark}`);
      if (found?.record.version !== record.version) throw new Error('A read found another version than was written.');
    },
  },
  'read any': {
    about: 'reads any session of all: the first read of most of them',
    once: (set) => async () => {
      const n = Math.floor(Math.random() * set.generated.count);
      if (!(await set.store.find(set.generated.id(n)))) throw new Error(`Generated session ${n} was not found.`);
    },
  },
  'sign in': {
    about: "reads the user's epoch and creates a session",
    once: (set) => async () => {
      const record = newRecord(set.take().record.userId, set.generated.payload);
      set.created.push(record);
      await set.store.epochOf(record.userId);
      assertDone(await set.store.create(record));
    },
  },
  touch: {
    about: 'moves the idle limit',
    once: (set) => async () => {
      const session = set.take();
      // Behind those of all sessions that nobody has used since.
      const idleEndsAt = Math.max(session.record.idleEndsAt + 1, Date.now() + TOUCHED_MS);
      session.record = { ...session.record, idleEndsAt };
      await set.store.touch(session.record.id, session.record.idleEndsAt);
    },
  },
  change: {
    about: 'changes one key',
    once: (set) => async () => {
      const session = set.take();
      const base = session.record;
      session.record = changed(base);
      const result = await set.store.update(session.record, base);
      assertDone(result);
      session.mark = result.mark ?? String(session.record.version);
    },
  },
  'sign out': {
    about: 'ends a session',
    spends: true,
    once: (set, records) => async () => assertDone(await set.store.destroy(records.pop().id)),
  },
  'end all': {
    about: "ends all of a user's sessions but one",
    spends: true,
    once: (set, records) => async () => {
      const base = records.pop();
      const epoch = (await set.store.epochOf(base.userId)) + 1;
      if (!set.store.updateAbove) return void (await set.store.raiseEpoch(base.userId));
      const { status } = await set.store.updateAbove({ ...changed(base), epoch }, base);
      if (status === 'conflict') throw new Error('A session that nobody else has changed was changed.');
    },
  },
  list: {
    about: "lists a user's sessions",
    once: (set) => async () => {
      const { userId } = set.take().record;
      if ((await set.store.listByUser(userId)).length === 0) throw new Error('A user with sessions has none.');
    },
  },
};

function assertDone({ status }) {
  if (status !== 'done') throw new Error(`A write was answered "${status}".`);
}
