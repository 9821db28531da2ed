// What the rows of all nodes tell of a session together: an end that one node knows, and a row that has not arrived.
import { describe, expect, it } from '@jest/globals';
import { newId } from '../../core/identity.js';
import { livesIn, type LifeRow } from './lives.js';

const row = (id: string, version: number, more: Partial<Omit<LifeRow, 'constructor'>> = {}) =>
  ({
    id,
    version,
    ended: 0,
    idle_ends_at: 1,
    ends_at: 9,
    payload: '{}',
    user_id: 'u',
    epoch: 0,
    user_epoch: null,
    ...more,
  }) as LifeRow;

describe('the rows of all nodes', () => {
  const [a, b] = [newId(Date.now()), newId(Date.now() + 1)];

  it('tell an end that any node knows, and the latest of what else each knows', () => {
    const rows = [
      row(a, 3),
      row(a, 4, { ended: 1 }),
      row(b, 2, { idle_ends_at: 5 }),
      row(b, 3, { user_epoch: 7 }),
      row(b, 2),
    ];
    const lives = livesIn([a, b], rows, () => true);
    expect([lives.has(a), lives.get(a)]).toEqual([true, undefined]);
    expect(lives.get(b)).toMatchObject({ record: { idleEndsAt: 5, userId: 'u' }, userEpoch: 7 });
  });

  it.each([
    ['an older copy', 3, 5],
    ['a copy of the same version', 4, 4],
  ])('tell an end that only %s knows, in whichever order they come', (_, ended, live) => {
    const rows = [row(a, ended, { ended: 1 }), row(a, live)];
    for (const order of [rows, [...rows].reverse()])
      expect([...livesIn([a], order, () => true)]).toEqual([[a, undefined]]);
  });

  it('tell nothing of a session that may be on its way, and the end of one that would have arrived', () => {
    const lives = livesIn([a, b], [], (id) => id === a);
    expect([...lives]).toEqual([[b, undefined]]);
  });
});
