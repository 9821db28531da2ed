// A watched store can do what the store can, no more and no less, and learns of ends from every answer.
import { describe, expect, it } from '@jest/globals';
import { StoreUnavailableError } from '../core/errors.js';
import { MemorySessionStore } from '../methods/memory/memory-session-store.js';
import { tellsLives } from '../port/abilities.js';
import { until } from '../methods/sync/testing/until.js';
import { aRecord } from '../testing/a-record.js';
import { CircuitBreaker } from './circuit-breaker.js';
import { KnownEnds } from './known-ends.js';
import { watchedStore } from './watched-store.js';

function make(store = new MemorySessionStore()) {
  const ends = new KnownEnds(60_000, Date.now);
  const breaker = new CircuitBreaker();
  return { store, ends, breaker, watched: watchedStore(store, breaker, ends, () => false) };
}

describe('a watched store', () => {
  it('tells lives where the store does, and does not where the store does not', () => {
    const single = new Proxy(new MemorySessionStore(), { has: (target, name) => name !== 'livesOf' && name in target });
    expect([tellsLives(make().watched), tellsLives(make(single).watched)]).toEqual([true, false]);
  });

  it('knows what has ended by a question about many sessions', async () => {
    const { store, ends, watched } = make();
    const [live, ended, old] = [aRecord(), aRecord(), aRecord({ userId: 'one' })];
    for (const record of [live, ended, old]) await store.create(record);
    await store.destroy(ended.id);
    const epoch = await store.raiseEpoch('one');
    const lives = await watched.livesOf([live.id, ended.id, old.id]);
    expect([...lives.values()].map((life) => life?.userEpoch)).toEqual([0, undefined, epoch]);
    expect(ends.mayHaveEnded(live.id, null, 0)).toBe(false);
    expect(ends.mayHaveEnded(ended.id, null, 0)).toBe(true);
    expect(ends.mayHaveEnded(aRecord().id, 'one', 0)).toBe(true);
    expect(ends.mayHaveEnded(aRecord().id, 'one', epoch)).toBe(false);
  });

  it('is not thought to answer when it tells nothing of the sessions that it was asked for', async () => {
    const store = new MemorySessionStore();
    const record = aRecord();
    await store.create(record);
    let isDown = true;
    const [find, livesOf] = [store.find.bind(store), store.livesOf.bind(store)];
    store.find = (id) => (isDown ? Promise.reject(new StoreUnavailableError('on purpose')) : find(id));
    store.livesOf = async (ids) => (isDown ? new Map() : livesOf(ids));
    const { watched, breaker } = make(store);
    const fail = () => expect(watched.find(record.id)).rejects.toThrow(StoreUnavailableError);
    for (let i = 0; i < 2; i++) await fail();
    await watched.livesOf([record.id]);
    await fail();
    expect(breaker.isOpen).toBe(true);
    isDown = false;
    await until('the breaker lets a question through', () => !breaker.isOpen);
    await watched.livesOf([record.id]);
    expect(await watched.find(record.id)).toBeDefined();
  });
});
