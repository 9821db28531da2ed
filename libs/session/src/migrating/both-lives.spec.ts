// Open streams of a site that moves between two stores: two questions tell of all sessions, and reads of those between.
import { describe, expect, it, jest } from '@jest/globals';
import { StoreUnavailableError } from '../core/errors.js';
import { MemorySessionStore } from '../methods/memory/memory-session-store.js';
import { tellsLives, type SessionLives } from '../port/abilities.js';
import type { SessionStore } from '../port/store.js';
import { aRecord, next } from '../testing/a-record.js';
import { migrating, type MigrationPhase } from './index.js';

function make(phase: MigrationPhase) {
  const [old, young] = [new MemorySessionStore(), new MemorySessionStore()];
  const both = migrating(old, young, { phase }) as unknown as SessionStore & SessionLives;
  const told = async (...ids: string[]) =>
    Object.fromEntries([...(await both.livesOf(ids))].map(([id, life]) => [id, life ? 'lives' : 'ended']));
  return { old, young, both, told };
}

describe.each(['prepare', 'switch', 'finish'] as const)('the lives of two stores, in %s', (phase) => {
  it('are told of 500 sessions by one question to each, when the sessions are where the phase has them', async () => {
    const { old, young, both, told } = make(phase);
    const all = Array.from({ length: 500 }, () => aRecord());
    for (const record of all) await both.create(record);
    await both.touch(all[1].id, all[1].idleEndsAt + 1000);
    await both.destroy(all[0].id);
    const finds = jest.spyOn(both, 'find');
    const questions = [jest.spyOn(old, 'livesOf'), jest.spyOn(young, 'livesOf')];
    const lives = await told(...all.map(({ id }) => id));
    expect(Object.values(lives).filter((what) => what === 'lives')).toHaveLength(499);
    expect(lives[all[0].id]).toBe('ended');
    expect((await both.livesOf([all[1].id])).get(all[1].id)!.record.idleEndsAt).toBe(all[1].idleEndsAt + 1000);
    expect([finds.mock.calls.length, ...questions.map(({ mock }) => mock.calls.length)]).toEqual([0, 2, 2]);
  });

  it('are what a read tells, wherever a copy is, was ended, or is behind', async () => {
    const { old, young, both } = make(phase);
    const [onlyOld, onlyYoung, endedOld, endedYoung, behind] = Array.from({ length: 5 }, () => aRecord());
    const places = [
      [old, onlyOld],
      [young, onlyYoung],
      [old, endedOld],
      [young, endedOld],
      [old, endedYoung],
      [young, endedYoung],
      [old, behind],
      [young, behind],
    ] as const;
    for (const [place, record] of places) await place.create(record);
    await old.destroy(endedOld.id);
    await young.destroy(endedYoung.id);
    await young.update(next(behind, { userId: 'one' }), behind);
    const ids = [onlyOld, onlyYoung, endedOld, endedYoung, behind].map(({ id }) => id);
    const lives = await both.livesOf(ids);
    expect(lives.get(behind.id)!.record.userId).toBe('one');
    for (const id of ids) expect([id, lives.has(id), !lives.get(id)]).toEqual([id, true, !(await both.find(id))]);
  });

  it('are left out where one of the places cannot tell, and read for no more than 32 at once', async () => {
    const { old, young, both, told } = make(phase);
    const [place, isUnclear] = phase === 'prepare' ? [young, old] : [old, young];
    const all = Array.from({ length: 50 }, () => aRecord());
    for (const record of all) await place.create(record);
    const finds = jest.spyOn(both, 'find');
    const [untold, ...others] = all.map(({ id }) => id);
    const livesOf = isUnclear.livesOf.bind(isUnclear);
    isUnclear.livesOf = async (ids) => new Map([...(await livesOf(ids))].filter(([id]) => id !== untold));
    expect(Object.keys(await told(untold))).toEqual([]);
    expect(Object.keys(await told(...others))).toHaveLength(32);
    expect(finds).toHaveBeenCalledTimes(32);
    finds.mockRejectedValue(new StoreUnavailableError('on purpose'));
    const foreign = aRecord();
    await place.create(foreign);
    expect(await told(foreign.id)).toEqual({});
  });
});

it('two stores of which one cannot tell of many do not either', () => {
  const single = new Proxy(new MemorySessionStore(), { has: (target, name) => name !== 'livesOf' && name in target });
  expect(tellsLives(migrating(single, new MemorySessionStore(), { phase: 'switch' }))).toBe(false);
  expect(tellsLives(migrating(new MemorySessionStore(), single, { phase: 'switch' }))).toBe(false);
});
