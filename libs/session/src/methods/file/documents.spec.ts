// What is kept of a user, and how two copies of it become one.
import { describe, expect, it } from '@jest/globals';
import { newId } from '../../core/identity.js';
import { join, unended, type UserDocument } from './documents.js';

const later = Date.now() + 3_600_000;
const user = (ids: readonly string[], epoch = 0): UserDocument => ({
  userId: 'one',
  epoch,
  sessions: Object.fromEntries(ids.map((id) => [id, later])),
});

describe("a user's document", () => {
  it('lists the newest thousand sessions, so that it does not grow with every login', () => {
    const ids = Array.from({ length: 1500 }, (_, i) => newId(Date.now() + i));
    const kept = Object.keys(unended(user(ids.toReversed()).sessions));
    expect(new Set(kept)).toEqual(new Set(ids.slice(500)));
  });

  it('comes out the same, whichever way two copies are joined, and as itself where the other adds nothing', () => {
    const ids = Array.from({ length: 1600 }, (_, i) => newId(Date.now() + i));
    const [a, b] = [
      user(
        ids.filter((_, i) => i % 2 === 0),
        1,
      ),
      user(
        ids.filter((_, i) => i % 2 === 1),
        2,
      ),
    ];
    const joined = join('users', a, b);
    expect(joined).toEqual(join('users', b, a));
    expect(joined).toEqual(user(ids.slice(600), 2));
    expect(join('users', joined, a)).toBe(joined);
  });
});
