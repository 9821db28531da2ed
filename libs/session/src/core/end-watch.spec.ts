// Open streams and sockets end with their sessions, at one question to the store for all of them.
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { StoreUnavailableError } from './errors.js';
import { SessionManager } from '../manager.js';
import { MemorySessionStore, SharedMemory } from '../methods/memory/memory-session-store.js';
import { tellsLives, type Life } from '../port/abilities.js';
import type { SessionEvent } from './options.js';
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

/** Holds the answers to looks, each as it is when the store is asked, until `letAnswer`, or for good. */
function delayed(store: SessionStore) {
  let release = () => undefined as void;
  const gate = new Promise<void>((resolve) => (release = resolve));
  const looks = store as unknown as { [name in 'livesOf' | 'find']: (asked: never) => Promise<unknown> };
  const name = tellsLives(store) ? 'livesOf' : 'find';
  const ask = looks[name].bind(store);
  looks[name] = async (asked) => {
    const answer = await ask(asked);
    await gate;
    return answer;
  };
  const answerAgain = () => void (looks[name] = ask);
  return { answerAgain, letAnswer: () => (answerAgain(), release(), gate) };
}

let clock = Date.now();
afterEach(() => void jest.useRealTimers());

async function open(store: SessionStore) {
  jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick', 'performance', 'Date'] });
  const events: SessionEvent[] = [];
  const onEvent = (event: SessionEvent) => void events.push(event);
  const manager = new SessionManager({ store, secrets: ['s'.repeat(32)], secure: false, now: () => clock, onEvent });
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
  return { manager, events, ended, visitors, stream, look, idOf };
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

  it('are not ended by an answer from before their idle limit was moved', async () => {
    const store = make();
    const { ended, visitors, stream, look, idOf } = await open(store);
    await stream(1);
    const id = await idOf(visitors[0]);
    const { letAnswer } = delayed(store);
    clock += 29 * 60_000;
    await look();
    await store.touch(id, clock + 30 * 60_000);
    clock += 2 * 60_000;
    await letAnswer();
    await look();
    expect(ended).toEqual([]);
    clock += 30 * 60_000;
    await look();
    expect(ended).toEqual([id]);
  });

  it('end though the end of another throws, which the app is told', async () => {
    const store = make();
    const { manager, events, ended, visitors, stream, look } = await open(store);
    const error = new Error('on purpose');
    const onEnd = () => {
      throw error;
    };
    const visitor = new Visitor();
    await visitor.put(manager, { name: 'first' });
    const request = await visitor.begin(manager);
    manager.ends.add({ id: request.id, hasEnded: () => request.hasEnded(), onEnd });
    await stream(40);
    for (const each of [visitor, ...visitors]) await each.visit(manager, (session) => session.destroy());
    events.length = 0;
    await look();
    expect([ended.length, manager.ends.size]).toEqual([40, 0]);
    expect(events).toEqual([{ type: 'end-failed', error }]);
  });

  it('end after questions that the store has never answered', async () => {
    const store = make();
    const { manager, ended, visitors, stream, look } = await open(store);
    await stream(1);
    const { answerAgain } = delayed(store);
    for (let i = 0; i < 5; i++) await look();
    answerAgain();
    await visitors[0].visit(manager, (session) => session.destroy());
    await look();
    expect(ended).toEqual([]);
    await jest.advanceTimersByTimeAsync(60_000);
    expect(ended).toHaveLength(1);
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
    const watch = new EndWatch(new TellingStore(), {} as never, () => undefined);
    const stop = watch.add(watched);
    expect([watch.size, manager.ends.size]).toEqual([1, 1]);
    stop();
    stop();
    expect(watch.size).toBe(0);
  });
});
