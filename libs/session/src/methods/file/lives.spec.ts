// Open streams of a server of `file`: what one read tells, and when a session is looked up by itself.
import { beforeEach, describe, expect, it, jest } from '@jest/globals';
import { StoreUnavailableError } from '../../core/errors.js';
import type { SessionRecord } from '../../port/records.js';
import { HybridClock } from '../../replica/hybrid-clock.js';
import { aRecord, next, payload } from '../../testing/a-record.js';
import { MemorySessionStore } from '../memory/memory-session-store.js';
import { endedLately, joinEnds, newestIn, NOTHING_ENDED, type EndsDocument } from './ended-lately.js';
import { FileLives } from './lives.js';

const START = 1_800_000_000_000;
let now: number;
let clock: HybridClock;
beforeEach(() => {
  now = START;
  clock = new HybridClock('web1', () => now);
  jest.useFakeTimers({ now: START, doNotFake: ['setImmediate', 'nextTick'] });
});
const pass = (ms: number) => {
  now += ms;
  jest.advanceTimersByTime(ms);
};

describe('the document of what has ended lately', () => {
  const noted = (document: EndsDocument, ...subjects: string[]) =>
    endedLately({
      ...document,
      ends: { ...document.ends, ...Object.fromEntries(subjects.map((each) => [each, clock.tick()])) },
    });

  it('drops what is a minute older than its newest entry, and says up to where', () => {
    const first = noted(NOTHING_ENDED, 'a');
    pass(60_000);
    const second = noted(first, 'b');
    expect([Object.keys(second.ends), second.since]).toEqual([['b', 'a'], '']);
    pass(1);
    const third = noted(second, 'c');
    expect([Object.keys(third.ends), third.since]).toEqual([['c', 'b'], first.ends.a]);
  });

  it('holds no more than 500 entries, the newest', () => {
    const names = Array.from({ length: 600 }, (_, i) => `s${i}`);
    const document = noted(NOTHING_ENDED, ...names);
    expect(Object.keys(document.ends)).toEqual(names.toReversed().slice(0, 500));
    expect(document.since > NOTHING_ENDED.since && document.since < document.ends.s100).toBe(true);
    expect(newestIn(document)).toBe(document.ends.s599);
  });

  it('comes out the same text, whichever way two copies are joined, and as itself where the other adds nothing', () => {
    const [a, b] = [noted(NOTHING_ENDED, 'a', 'both'), noted(NOTHING_ENDED, 'both', 'b')];
    const joined = joinEnds(a, b);
    expect(Object.keys(joined.ends)).toEqual(['b', 'both', 'a']);
    expect(JSON.stringify(joined)).toBe(JSON.stringify(joinEnds(b, a)));
    expect(joinEnds(joined, a)).toBe(joined);
    expect(joined.ends.both).toBe(b.ends.both);
  });
});

describe('the lives of many sessions', () => {
  let store: MemorySessionStore;
  let document: EndsDocument | undefined;
  let isComplete: boolean;
  let reads: number;
  let looks: string[];
  let lives: FileLives;
  let failing: Set<string>;

  beforeEach(() => {
    [store, document, isComplete, reads, looks] = [new MemorySessionStore(), undefined, true, 0, []];
    failing = new Set();
    lives = new FileLives({
      ends: async () => {
        reads++;
        return document;
      },
      find: async (id) => {
        looks.push(id);
        if (failing.has(id)) throw new StoreUnavailableError('on purpose');
        return store.find(id);
      },
      isComplete: () => isComplete,
    });
  });

  const hint = (subject: string) => {
    const known = document ?? NOTHING_ENDED;
    document = endedLately({ ...known, ends: { ...known.ends, [subject]: clock.tick() } });
  };
  const create = async (more: Partial<SessionRecord> = {}) => {
    const record = aRecord({ idleEndsAt: START + 3_600_000, endsAt: START + 7_200_000, ...more });
    await store.create(record);
    return record;
  };
  const createMany = (count: number) => Promise.all(Array.from({ length: count }, () => create()));
  /** One question: what it tells, after `ms`. */
  const ask = async (ids: readonly string[], ms = 400) => {
    pass(ms);
    [looks, reads] = [[], 0];
    const told = await lives.livesOf(ids);
    return Object.fromEntries([...told].map(([id, life]) => [id, life ? 'lives' : 'ended']));
  };

  it('cost one read for 500 sessions, and one more for what has ended', async () => {
    const ids = (await createMany(500)).map(({ id }) => id);
    expect(Object.keys(await ask(ids))).toHaveLength(500);
    for (let i = 0; i < 5; i++) {
      await ask(ids);
      expect([reads, looks]).toEqual([1, []]);
    }
    hint(ids[3]);
    await store.destroy(ids[3]);
    const told = await ask(ids);
    expect(Object.entries(told).filter(([, what]) => what === 'ended')).toEqual([[ids[3], 'ended']]);
    expect([reads, looks]).toEqual([1, [ids[3]]]);
    await ask(ids);
    expect([reads, looks]).toEqual([1, []]);
  });

  it('are looked up again and again after a hint, which may come before its end', async () => {
    const [{ id }, other] = await createMany(2);
    await ask([id, other.id]);
    hint(id);
    const looked: number[] = [];
    for (let i = 0; i < 15; i++) {
      expect((await ask([id, other.id]))[id]).toBe('lives');
      if (looks.length > 0) looked.push(i);
      expect(looks).not.toContain(other.id);
    }
    // At each of the first ones, then less and less often.
    expect(looked.slice(0, 5)).toEqual([0, 1, 2, 3, 4]);
    expect(looked.length).toBeLessThan(12);
    await store.destroy(id);
    let told = await ask([id]);
    for (let i = 0; i < 10 && told[id] === 'lives'; i++) told = await ask([id]);
    expect(told).toEqual({ [id]: 'ended' });
  });

  it('heed a hint that was there before the first look-up, whose end came after it', async () => {
    const { id } = await create({ userId: 'one' });
    hint('@one');
    expect(await ask([id])).toEqual({ [id]: 'lives' });
    await store.raiseEpoch('one');
    await ask([id]);
    expect(looks).toEqual([id]);
    expect((await lives.livesOf([id])).get(id)!.userEpoch).toBe(1);
  });

  it('are looked up when a limit has passed, which a request elsewhere may have moved', async () => {
    const [moved, over] = await Promise.all([
      create(),
      create({ payload: `{"v":1,"r":0,"e":${START + 3_600_000},"m":1,"d":{}}`, idleEndsAt: START + 5_000_000 }),
    ]);
    const ids = [moved.id, over.id];
    await ask(ids);
    await store.touch(moved.id, START + 4_000_000);
    jest.setSystemTime(START + 3_599_950);
    // The backstop is not due; it may pass before the answer is used.
    expect(await ask(ids, 0)).toEqual({ [moved.id]: 'lives' });
    expect(new Set(looks)).toEqual(new Set(ids));
    jest.setSystemTime(START + 3_600_001);
    const told = await lives.livesOf(ids);
    expect(told.get(moved.id)!.record.idleEndsAt).toBe(START + 4_000_000);
    expect(told.get(over.id)!.record.payload).toContain(`"e":${START + 3_600_000}`);
  });

  it('are looked up about once a minute, not all at once, should a server of an earlier release end one', async () => {
    const all = await createMany(200);
    const ids = all.map(({ id }) => id);
    while (Object.keys(await ask(ids)).length < 200);
    await store.destroy(ids[0]);
    const perQuestion: number[] = [];
    let told: Record<string, string> = {};
    for (let i = 0; i < 200; i++) {
      told = await ask(ids);
      perQuestion.push(looks.length);
    }
    expect(told[ids[0]]).toBe('ended');
    expect(Math.max(...perQuestion)).toBeLessThan(20);
    expect(perQuestion.reduce((sum, each) => sum + each)).toBeLessThan(500);
  });

  it('are all looked up once where hints may have been missed, and when a mount is back', async () => {
    const ids = (await createMany(20)).map(({ id }) => id);
    await ask(ids);
    hint('other');
    await ask(ids);
    hint('missed');
    document = endedLately({ ...document!, since: document!.ends.missed });
    await ask(ids, 0);
    expect(new Set(looks)).toEqual(new Set(ids));
    await ask(ids, 0);
    expect(looks).toEqual([]);
    isComplete = false;
    await ask(ids, 0);
    expect(looks).toEqual([]);
    isComplete = true;
    await ask(ids, 0);
    expect(new Set(looks)).toEqual(new Set(ids));
  });

  it('that cannot be told of are left out, and keep the others from nothing', async () => {
    const all = await createMany(60);
    const ids = all.map(({ id }) => id);
    await ask(ids);
    for (const id of ids.slice(0, 40)) failing.add(id);
    for (const id of ids) hint(id);
    await store.destroy(ids[50]);
    const told = await ask(ids);
    expect(Object.keys(told)).toHaveLength(20);
    expect(told[ids[50]]).toBe('ended');
    failing.clear();
    await store.destroy(ids[0]);
    expect((await ask(ids))[ids[0]]).toBe('ended');
  });

  it('are as they are now where a change has brought an end forward', async () => {
    const record = await create();
    await ask([record.id]);
    const sooner = next(record, { payload: payload({ a: 1 }), userId: 'two' });
    await store.update(sooner, record);
    hint(record.id);
    await ask([record.id]);
    expect((await lives.livesOf([record.id])).get(record.id)!.record.userId).toBe('two');
    hint('@two');
    await store.raiseEpoch('two');
    await ask([record.id]);
    expect((await lives.livesOf([record.id])).get(record.id)!.userEpoch).toBe(1);
  });

  it('are not told while no mount answers', async () => {
    const broken = new FileLives({
      ends: () => Promise.reject(new StoreUnavailableError('on purpose')),
      find: (id) => store.find(id),
      isComplete: () => true,
    });
    await expect(broken.livesOf([(await create()).id])).rejects.toThrow(StoreUnavailableError);
  });
});
