// Copies join to the same session in any order, and what was written knowingly later wins whatever the clocks say.
import { describe, expect, it } from '@jest/globals';
import { aRecord, next, payload } from '../testing/a-record.js';
import type { Json, SessionRecord } from '../port/records.js';
import { HybridClock, type Stamp } from './hybrid-clock.js';
import {
  covers,
  createReplica,
  endReplica,
  fingerprint,
  joinReplicas,
  latestMoment,
  markOf,
  tombstoneOf,
  toRecord,
  touchReplica,
  updateReplica,
  type Replica,
} from './replica.js';

const content = (copy: Replica) => (JSON.parse(toRecord(copy).payload) as { d: Json }).d;

/** Lays these keys over the copy, as a server does that has read it. */
function write(copy: Replica, keys: Record<string, Json | undefined>, stamp: Stamp): Replica {
  const base = toRecord(copy);
  const data = JSON.parse(JSON.stringify({ ...(content(copy) as object), ...keys })) as Json;
  return updateReplica(copy, next(base, { payload: payload(data), writes: [...base.writes, stamp] }), base, stamp);
}

describe('a replica', () => {
  const record: SessionRecord = aRecord({ payload: payload({ a: 1, b: 2 }) });

  it('is the record that it was made of', () => {
    const clock = new HybridClock('web1');
    expect(toRecord(createReplica(record, clock.tick()))).toEqual(record);
  });

  it('keeps the end that another request has brought forward, whatever is written from an older read', () => {
    const clock = new HybridClock('web1');
    const base = createReplica(record, clock.tick());
    const ending = (e: number, m: number) => `{"v":1,"r":0,"e":${e},"m":${m},"d":{"a":1,"b":2}}`;
    const shortened = updateReplica(base, next(record, { payload: ending(60, 6) }), record, clock.tick());
    for (const late of [ending(600, 60), '{"v":2,"r":0,"d":{"a":1,"b":2}}']) {
      const copy = updateReplica(shortened, next(record, { payload: late }), record, clock.tick());
      expect(toRecord(copy).payload).toMatch(/^\{"v":[12],"r":0,"e":60,"m":6,"d":/);
    }
    // From the newest read, as with `rolling`, it moves.
    const read = toRecord(shortened);
    const moved = updateReplica(shortened, next(read, { payload: ending(90, 6) }), read, clock.tick());
    expect(toRecord(moved).payload).toBe(ending(90, 6));
    const earlier = updateReplica(shortened, next(record, { payload: ending(30, 3) }), record, clock.tick());
    expect(toRecord(earlier).payload).toBe(ending(30, 3));
  });

  it.each(['', '{"v":1,"r":0', '[]', 'null', '"text"', '{"v":1,"r":0,"d":{"__proto__":{"admin":true}}}'])(
    'keeps a payload that it cannot take apart as it is: %s',
    (damaged) => {
      const clock = new HybridClock('web1');
      const base = createReplica(record, clock.tick());
      const later = next(record, { payload: damaged });
      const copy = updateReplica(base, later, record, clock.tick());
      expect(toRecord(copy)).toEqual(later);
      expect(toRecord(createReplica(later, clock.tick()))).toEqual(later);
      const mended = next(later, { payload: payload({ a: 2 }) });
      expect(toRecord(updateReplica(copy, mended, later, clock.tick()))).toEqual(mended);
    },
  );
  it('leaves a mark of another method unread', () => {
    const copy = createReplica(record, new HybridClock('web1').tick());
    for (const mark of ['7', 'o_7', `n_${'7'.repeat(17)}`, 'Z'.repeat(19)]) expect(covers(copy, mark)).toBe(true);
    expect(covers(copy, '7'.repeat(19))).toBe(false);
  });

  it('joins different keys, and the later write of one key, in either order', () => {
    const [x, y] = [new HybridClock('web1'), new HybridClock('web2')];
    const base = createReplica(record, x.tick());
    y.witness(latestMoment(base));
    const left = write(base, { a: 'left', c: 3 }, x.tick());
    const right = write(base, { a: 'right', b: undefined }, y.tick());
    const [one, other] = [joinReplicas(left, right), joinReplicas(right, left)];
    expect(fingerprint(one)).toBe(fingerprint(other));
    expect(content(one)).toEqual(content(other));
    expect(content(one)).toMatchObject({ c: 3 });
    expect(content(one)).not.toHaveProperty('b');
    expect(['left', 'right']).toContain((content(one) as { a: string }).a);
    expect(covers(one, markOf(left)) && covers(one, markOf(right))).toBe(true);
    expect(covers(left, markOf(right)) || covers(right, markOf(left))).toBe(false);
  });

  it('lets a write that knew the other win, on a server whose clock is minutes behind', () => {
    const fast = new HybridClock('fast', () => Date.now() + 300_000);
    const slow = new HybridClock('slow', () => Date.now() - 300_000);
    const base = createReplica(record, fast.tick());
    slow.witness(latestMoment(base));
    const later = write(base, { a: 'later' }, slow.tick());
    expect(content(joinReplicas(base, later))).toMatchObject({ a: 'later' });
    expect(content(joinReplicas(later, base))).toMatchObject({ a: 'later' });
  });

  it('stays ended whatever is joined to it, and keeps no content', () => {
    const clock = new HybridClock('web1');
    const base = createReplica(record, clock.tick());
    const ended = endReplica(base, clock.tick());
    const late = write(base, { a: 'late' }, clock.tick());
    for (const joined of [
      joinReplicas(ended, late),
      joinReplicas(late, ended),
      updateReplica(ended, record, record, clock.tick()),
    ])
      expect(joined).toMatchObject({ ended: true, data: {} });
    expect(touchReplica(ended, record.endsAt)).toBe(ended);
    expect(joinReplicas(tombstoneOf(record.id, record.endsAt, clock.tick()), late).ended).toBe(true);
  });

  it('is the same after any order, grouping and repetition of joins', () => {
    const clocks = ['web1', 'web2', 'web3'].map((name, i) => new HybridClock(name, () => 1e12 + i * 60_000));
    let seed = 7;
    const random = (below: number) => (seed = (seed * 48_271) % 2_147_483_647) % below;
    for (let round = 0; round < 200; round++) {
      const base = createReplica(record, clocks[0].tick());
      const copies = clocks.map((clock) => {
        let copy = base;
        clock.witness(latestMoment(base));
        for (let i = random(3); i >= 0; i--)
          copy = write(copy, { [`k${random(3)}`]: random(2) ? random(100) : undefined }, clock.tick());
        if (random(10) === 0) copy = endReplica(copy, clock.tick());
        return touchReplica(copy, record.idleEndsAt + random(1000));
      });
      const [a, b, c] = copies as [Replica, Replica, Replica];
      const outcomes = [
        joinReplicas(joinReplicas(a, b), c),
        joinReplicas(a, joinReplicas(b, c)),
        joinReplicas(joinReplicas(c, a), joinReplicas(b, a)),
        joinReplicas(joinReplicas(c, b), joinReplicas(a, c)),
      ];
      expect(new Set(outcomes.map(fingerprint)).size).toBe(1);
      if (!outcomes[0].ended) expect(new Set(outcomes.map((copy) => toRecord(copy).payload).map(sorted)).size).toBe(1);
      for (const copy of copies) {
        expect(joinReplicas(outcomes[0], copy)).toBe(outcomes[0]);
        expect(covers(outcomes[0], markOf(copy))).toBe(true);
      }
    }
  });
});

describe('a hybrid clock', () => {
  it('never gives a stamp twice, nor an earlier one when the time stands or goes back', () => {
    let now = 1e12;
    const clock = new HybridClock('web1', () => now);
    const stamps = Array.from({ length: 10_000 }, (_, i) => {
      if (i % 100 === 0) now -= 50;
      return clock.tick();
    });
    expect(new Set(stamps).size).toBe(stamps.length);
    expect(stamps.toSorted()).toEqual(stamps);
  });
});

function sorted(encoded: string): string {
  const { d } = JSON.parse(encoded) as { d: Record<string, Json> };
  return JSON.stringify(Object.entries(d).sort());
}
