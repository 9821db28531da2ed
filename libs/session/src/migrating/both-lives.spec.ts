// Open streams of a site that moves between two stores: two questions tell of all sessions, and reads of those between.
import { describe, expect, it, jest } from '@jest/globals';
import { StoreUnavailableError } from '../core/errors.js';
import { MemorySessionStore, SharedMemory } from '../methods/memory/memory-session-store.js';
import { tellsLives, type Life, type SessionLives } from '../port/abilities.js';
import type { SessionStore } from '../port/store.js';
import { aRecord, next } from '../testing/a-record.js';
import { migrating, type MigrationPhase } from './index.js';

function make(phase: MigrationPhase) {
  const memory = { old: new SharedMemory(), young: new SharedMemory() };
  const [old, young] = [new MemorySessionStore(memory.old), new MemorySessionStore(memory.young)];
  const both = migrating(old, young, { phase }) as unknown as SessionStore & SessionLives;
  const told = async (...ids: string[]) =>
    Object.fromEntries([...(await both.livesOf(ids))].map(([id, life]) => [id, life ? 'lives' : 'ended']));
  return { memory, old, young, both, told };
}

/** A store that cannot tell of these sessions now. */
function leaveOut(store: MemorySessionStore, isLeftOut: (id: string, life: Life | undefined) => boolean): void {
  const livesOf = store.livesOf.bind(store);
  store.livesOf = async (ids) => new Map([...(await livesOf(ids))].filter(([id, life]) => !isLeftOut(id, life)));
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
    const asked = [finds.mock.calls.length, ...questions.map(({ mock }) => mock.calls.length)];
    expect(asked).toEqual(phase === 'finish' ? [0, 1, 2] : [0, 2, 2]);
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

  it('are read where a place cannot tell, of no more than 32 at once, and left out where a read cannot tell either', async () => {
    const { old, young, both, told } = make(phase);
    const [place, leads] = phase === 'prepare' ? [young, old] : [old, young];
    const all = Array.from({ length: 50 }, () => aRecord());
    for (const record of all) await place.create(record);
    const finds = jest.spyOn(both, 'find');
    const [untold, ...others] = all.map(({ id }) => id);
    leaveOut(leads, (id) => id === untold);
    expect(await told(untold)).toEqual({ [untold]: 'lives' });
    finds.mockClear();
    expect(Object.keys(await told(...others))).toHaveLength(32);
    expect(finds).toHaveBeenCalledTimes(32);
    finds.mockRejectedValue(new StoreUnavailableError('on purpose'));
    const foreign = aRecord();
    await place.create(foreign);
    leaveOut(leads, (id) => id === foreign.id);
    expect(await told(foreign.id)).toEqual({});
  });

  it.each(['old', 'young'] as const)(
    'tell ends of new sessions that the %s place leaves out, and read none that lives',
    async (where) => {
      const places = make(phase);
      const { memory, old, young, both } = places;
      // As MySQL does: what it has no trace of may be on its way.
      leaveOut(places[where], (id, life) => !life && !memory[where].records.has(id));
      const [ended, endedWithAll, idle, shortened] = [
        aRecord(),
        aRecord({ userId: 'two' }),
        aRecord({ idleEndsAt: Date.now() - 1 }),
        aRecord({ payload: `{"v":1,"r":0,"e":${Date.now() - 1},"m":1,"d":{}}` }),
      ];
      const live = Array.from({ length: 100 }, () => aRecord({ userId: 'one' }));
      for (const record of [ended, endedWithAll, idle, shortened, ...live]) await both.create(record);
      await both.destroy(ended.id);
      for (const place of [old, young]) await place.raiseEpoch('two');
      const finds = jest.spyOn(both, 'find');
      const ids = [...live.slice(50), ended, endedWithAll, idle, shortened, ...live.slice(0, 50)].map(({ id }) => id);
      const lives = await both.livesOf(ids);
      const over = [ended, endedWithAll, idle, shortened].map(({ id }) => id);
      expect(over.filter((id) => lives.has(id))).toEqual(over);
      expect(lives.get(ended.id)).toBeUndefined();
      expect(lives.get(endedWithAll.id)).toMatchObject({ record: { epoch: 0 }, userEpoch: 1 });
      expect(lives.get(idle.id)).toMatchObject({ record: { idleEndsAt: idle.idleEndsAt } });
      expect(live.filter(({ id }) => lives.has(id) && !lives.get(id))).toEqual([]);
      expect(finds.mock.calls.length).toBeLessThanOrEqual(over.length);
    },
  );
});

describe('the lives of two stores, in finish', () => {
  it('are told of what the new place has, while the old one is down', async () => {
    const { old, young, both, told } = make('finish');
    const [kept, ended, onlyOld] = [aRecord({ userId: 'one' }), aRecord(), aRecord()];
    for (const record of [kept, ended]) await both.create(record);
    await old.create(onlyOld);
    await both.destroy(ended.id);
    await young.raiseEpoch('one');
    const down = () => Promise.reject(new StoreUnavailableError('on purpose'));
    Object.assign(old, { livesOf: down, find: down });
    expect(await told(kept.id, ended.id, onlyOld.id)).toEqual({ [kept.id]: 'lives' });
    expect((await both.livesOf([kept.id])).get(kept.id)!.userEpoch).toBe(1);
  });
});

it('two stores of which one cannot tell of many do not either', () => {
  const single = new Proxy(new MemorySessionStore(), { has: (target, name) => name !== 'livesOf' && name in target });
  expect(tellsLives(migrating(single, new MemorySessionStore(), { phase: 'switch' }))).toBe(false);
  expect(tellsLives(migrating(new MemorySessionStore(), single, { phase: 'switch' }))).toBe(false);
});
