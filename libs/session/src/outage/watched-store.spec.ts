// A watched store can do what the store can, no more and no less, and learns of ends from every answer.
import { describe, expect, it } from '@jest/globals';
import { MemorySessionStore } from '../methods/memory/memory-session-store.js';
import { tellsLives } from '../port/abilities.js';
import { aRecord } from '../testing/a-record.js';
import { CircuitBreaker } from './circuit-breaker.js';
import { KnownEnds } from './known-ends.js';
import { watchedStore } from './watched-store.js';

function make(store = new MemorySessionStore()) {
  const ends = new KnownEnds(60_000, Date.now);
  return { store, ends, watched: watchedStore(store, new CircuitBreaker(), ends, () => false) };
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
});
