// The copies that a server holds: joined in any order, summed up the same everywhere, forgotten only when nobody needs it.
import { describe, expect, it } from '@jest/globals';
import { HybridClock } from '../../replica/hybrid-clock.js';
import { createReplica, endReplica } from '../../replica/replica.js';
import { aRecord } from '../../testing/a-record.js';
import { Copies } from './copies.js';
import type { Entry } from './messages.js';
import { Counters } from './options.js';

const HOUR = 3_600_000;
const bounds = { maxSessions: 1000, maxBytes: 10_000_000 };
const clock = new HybridClock('web1');

let now = Date.now();
const empty = () => new Copies('web1', bounds, new Counters(), () => now);
const copyOf = (fields: Parameters<typeof aRecord>[0] = {}) => createReplica(aRecord(fields), clock.tick());

describe('copies', () => {
  it('have the same digest after any order, and another one after any difference', () => {
    const live = copyOf({ userId: 'user-1' });
    const ended = copyOf();
    const entries: Entry[] = [
      live,
      ended,
      endReplica(ended, clock.tick()),
      { userId: 'user-1', raised: { AAAAAA: 1 } },
      { userId: 'user-1', raised: { AAAAAA: 2, BBBBBB: 1 } },
    ];
    const [forth, back] = [empty(), empty()];
    for (const entry of entries) forth.put(entry, true);
    for (const entry of entries.toReversed()) back.put(entry, true);
    expect(forth.digest()).toBe(back.digest());
    expect(forth.differing(back.digest())).toEqual([]);
    expect(forth).toMatchObject({ sessions: 1, tombstones: 1, epochs: 1 });
    expect([forth.epochOf('user-1'), back.epochOf('user-1')]).toEqual([3, 3]);
    back.put(copyOf(), true);
    expect(forth.differing(back.digest())).toHaveLength(1);
  });

  it('are empty as at the start when all has been forgotten', () => {
    const copies = empty();
    for (let i = 0; i < 20; i++) copies.put(copyOf({ userId: `user-${i % 3}` }), false);
    expect(copies.sessionsOf('user-1')).toHaveLength(7);
    expect(copies.bytes).toBeGreaterThan(20 * 1000);
    expect(copies.sweep(now + 10 * HOUR, 100)).toBe(20);
    expect(copies).toMatchObject({ sessions: 0, bytes: 0 });
    expect(copies.digest()).toBe(empty().digest());
    expect(copies.sessionsOf('user-1')).toEqual([]);
  });

  it('find a session under its new user only', () => {
    const copies = empty();
    const copy = copyOf({ userId: null });
    copies.put(copy, false);
    const stamp = clock.tick();
    copies.put({ ...copy, owner: { stamp, value: { userId: 'user-2', epoch: 0 } } }, false);
    copies.put({ ...copy, owner: { stamp: clock.tick(), value: { userId: 'user-3', epoch: 0 } } }, false);
    expect(['user-2', 'user-3'].map((user) => copies.sessionsOf(user).length)).toEqual([0, 1]);
  });

  it('forget by themselves what ended long ago, a tombstone only with the end of its session', () => {
    const start = now;
    const copies = empty();
    const live = copyOf();
    const ended = endReplica(copyOf(), clock.tick());
    for (const entry of [live, ended]) copies.put(entry, false);
    const sweepAll = () => Array.from({ length: 256 }, () => copies.sweepNext());
    now = start + HOUR;
    expect(copies.session(live.id)).toBeUndefined();
    expect(copies.put(live, true)).toBe(false);
    sweepAll();
    expect(copies).toMatchObject({ sessions: 0, tombstones: 1 });
    now = start + 9 * HOUR;
    sweepAll();
    expect(copies).toMatchObject({ sessions: 0, tombstones: 0 });
    now = start;
  });
});
