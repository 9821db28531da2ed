// Open streams and sockets end with their sessions, at one question to the store for all of them.
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { StoreUnavailableError } from './errors.js';
import { SessionManager } from '../manager.js';
import { MemorySessionStore, SharedMemory } from '../methods/memory/memory-session-store.js';
import type { Life } from '../port/abilities.js';
import type { SessionStore } from '../port/store.js';
import { Visitor } from '../testing/visitor.js';
import { EndWatch, type Watched } from './end-watch.js';

/** A store that tells of many sessions at once, and may not be able to tell of some. */
class TellingStore extends MemorySessionStore {
  questions: number[] = [];
  fails = false;
  readonly untold = new Set<string>();

  override async livesOf(ids: readonly string[]): Promise<ReadonlyMap<string, Life | undefined>> {
    this.questions.push(ids.length);
    if (this.fails) throw new StoreUnavailableError('on purpose');
    return super.livesOf(ids.filter((id) => !this.untold.has(id)));
  }
}

/** A store that tells of one session at a time. */
function singly(): SessionStore {
  return new Proxy(new MemorySessionStore(new SharedMemory()), {
    has: (target, name) => name !== 'livesOf' && name in target,
  });
}

let clock = Date.now();
afterEach(() => void jest.useRealTimers());

async function open(store: SessionStore) {
  jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick', 'performance', 'Date'] });
  const manager = new SessionManager({ store, secrets: ['s'.repeat(32)], secure: false, now: () => clock });
  const ended: string[] = [];
  const visitors: Visitor[] = [];
  const stream = async (count: number) => {
    for (let i = 0; i < count; i++) {
      const visitor = new Visitor();
      await visitor.put(manager, { name: i });
      visitors.push(visitor);
      const request = await visitor.begin(manager);
      const { id } = request;
      manager.ends.add({ id, hasEnded: () => request.hasEnded(), onEnd: () => void ended.push(id) });
    }
  };
  const look = () => jest.advanceTimersByTimeAsync(700);
  const idOf = async (visitor: Visitor) => (await visitor.copy().begin(manager)).id;
  return { manager, ended, visitors, stream, look, idOf };
}

describe.each([
  ['a store that tells of many sessions at once', () => new TellingStore()],
  ['a store that tells of one', singly],
])('open streams, with %s', (_, make) => {
  it('end with their session, whoever ends it and by whichever limit, and no other', async () => {
    const store = make();
    const { manager, ended, visitors, stream, look, idOf } = await open(store);
    await stream(4);
    await look();
    expect(ended).toEqual([]);
    const [out, short, ...others] = await Promise.all(visitors.map(idOf));
    await visitors[0].visit(manager, (session) => session.destroy());
    await look();
    expect(ended).toEqual([out]);
    await visitors[1].visit(manager, ({ cookie }) => void (cookie.maxAge = 1000));
    clock += 1000;
    await look();
    expect(ended).toEqual([out, short]);
    clock += 31 * 60_000;
    await look();
    expect(new Set(ended)).toEqual(new Set([out, short, ...others]));
    expect([ended.length, manager.ends.size]).toEqual([4, 0]);
  });
});

describe('the watch', () => {
  it('asks one question for all streams of a server, and none when nothing is open', async () => {
    const store = new TellingStore();
    const { manager, stream, look } = await open(store);
    await look();
    expect(store.questions).toEqual([]);
    await stream(100);
    const find = jest.spyOn(store, 'find');
    const before = find.mock.calls.length;
    await jest.advanceTimersByTimeAsync(400);
    expect(store.questions).toEqual([100]);
    // The store of this spec finds for itself; nobody else has.
    expect(find.mock.calls.length - before).toBe(100);
    expect(manager.ends.size).toBe(100);
  });

  it('ends nothing while the store cannot tell, and asks it no more than three times at once', async () => {
    const store = new TellingStore();
    const { ended, stream, look } = await open(store);
    await stream(1);
    store.fails = true;
    for (let i = 0; i < 3; i++) await look();
    expect(ended).toEqual([]);
    store.livesOf = (ids) => {
      store.questions.push(ids.length);
      return new Promise(() => undefined);
    };
    store.questions = [];
    for (let i = 0; i < 10; i++) await look();
    expect(store.questions).toHaveLength(3);
  });

  it('ends no session that the store cannot tell of now, and the others meanwhile', async () => {
    const store = new TellingStore();
    const { manager, ended, visitors, stream, look, idOf } = await open(store);
    await stream(2);
    const [untold, told] = await Promise.all(visitors.map(idOf));
    store.untold.add(untold);
    for (const visitor of visitors) await visitor.visit(manager, (session) => session.destroy());
    await look();
    expect(ended).toEqual([told]);
    store.untold.clear();
    await look();
    expect(ended).toEqual([told, untold]);
  });

  it('forgets what has closed by itself', async () => {
    const { manager, stream } = await open(new TellingStore());
    await stream(1);
    const watched: Watched = { id: 'x', hasEnded: async () => false, onEnd: () => undefined };
    const watch = new EndWatch(new TellingStore(), {} as never);
    const stop = watch.add(watched);
    expect([watch.size, manager.ends.size]).toEqual([1, 1]);
    stop();
    stop();
    expect(watch.size).toBe(0);
  });
});
