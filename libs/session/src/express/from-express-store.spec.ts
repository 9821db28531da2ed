// Stores that were written for express-session keep the contract, as far as `fromExpressStore` says.
import { createRequire } from 'node:module';
import { describe, expect, it } from '@jest/globals';
import { StoreUnavailableError } from '../core/errors.js';
import { describeSessionStore } from '../testing/index.js';
import { aRecord, next } from '../testing/a-record.js';
import type { ExpressSession, ExpressStore } from './express-session.js';
import { fromExpressStore } from './index.js';

const require = createRequire(import.meta.url);
const session = require('express-session') as { MemoryStore: new () => ExpressStore };
const memoryStore = (require('memorystore') as (express: unknown) => new (options: object) => ExpressStore)(session);

const makes: Record<string, () => ExpressStore> = {
  memorystore: () => new memoryStore({}),
  "express-session's MemoryStore": () => new session.MemoryStore(),
};

for (const [name, make] of Object.entries(makes)) {
  describeSessionStore(`fromExpressStore(${name})`, async () => {
    const store = make();
    let isCut = false;
    const cuttable = new Proxy(store, {
      get: (target, method: keyof ExpressStore) =>
        isCut
          ? (...args: unknown[]) => (args.at(-1) as (error: Error) => void)(new Error('cut'))
          : target[method]!.bind(target),
    });
    const cut = async () => {
      isCut = true;
      return async () => {
        isCut = false;
      };
    };
    return { servers: [fromExpressStore(cuttable), fromExpressStore(store)], cut };
  });
}

describe('fromExpressStore', () => {
  it('does not lose a write that another server overwrites before it has looked again', async () => {
    const store = new session.MemoryStore();
    const [a, b] = [fromExpressStore(store), fromExpressStore(store)];
    const record = aRecord();
    await a.create(record);
    const [one, two] = [next(record, { payload: 'one' }), next(record, { payload: 'two' })];
    const results = await Promise.all([a.update(one, record), b.update(two, record)]);
    const statuses = results.map(({ status }) => status);
    expect(statuses.toSorted()).toEqual(['conflict', 'done']);
    expect((await a.find(record.id))?.record.payload).toBe(statuses[0] === 'done' ? 'one' : 'two');
  });

  it('takes no answer, an exception and a rejected promise for faults', async () => {
    const never: ExpressStore = { get: () => undefined, set: () => undefined, destroy: () => undefined };
    const thrower = () => {
      throw new Error('at once');
    };
    const late = (() => Promise.reject(new Error('later'))) as unknown as () => void;
    for (const store of [
      never,
      { get: thrower, set: thrower, destroy: thrower },
      { get: late, set: late, destroy: late },
    ]) {
      const slow = fromExpressStore(store, { readTimeoutMs: 20 });
      await expect(slow.find('a')).rejects.toThrow(StoreUnavailableError);
      await expect(slow.destroy('a')).rejects.toThrow(StoreUnavailableError);
    }
  });

  it('takes what others put there for no session, and keeps the tombstone until the session would have ended', async () => {
    const kept = new Map<string, ExpressSession>();
    const store: ExpressStore = {
      get: (sid, done) => done(null, kept.get(sid)),
      set: (sid, value, done) => {
        kept.set(sid, value);
        done?.();
      },
      destroy: (sid, done) => {
        kept.delete(sid);
        done?.();
      },
    };
    const sessions = fromExpressStore(store);
    const record = aRecord();
    for (const roam of [undefined, {}, { ...record, id: 'other' }, { ...record, payload: 1 }]) {
      kept.set(`roam:${record.id}`, { cookie: {}, roam } as unknown as ExpressSession);
      expect(await sessions.find(record.id)).toBeUndefined();
    }
    kept.clear();
    await sessions.create(record);
    await sessions.touch(record.id, record.idleEndsAt + 5);
    await sessions.destroy(record.id);
    expect([...kept.keys()]).toEqual([`roam:${record.id}:end`]);
    expect(Number(kept.get(`roam:${record.id}:end`)!.cookie.expires)).toBeGreaterThan(record.endsAt);
  });
});
