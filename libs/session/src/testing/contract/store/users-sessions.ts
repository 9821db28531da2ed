// A store that is an index knows each user's sessions and epoch as they are now.
import { expect } from '@jest/globals';
import { newId } from '../../../core/identity.js';
import { isSessionIndex } from '../../../port/abilities.js';
import { aRecord, next, payload } from '../../a-record.js';
import type { StoreKit } from './store-kit.js';

export function usersSessions({ it }: StoreKit): void {
  it("knows a user's sessions and epochs, if it is an index", async ({ a, b }) => {
    if (!isSessionIndex(a) || !isSessionIndex(b)) return;
    const userId = `user-${newId(Date.now())}`;
    const [first, second, other] = [aRecord({ userId }), aRecord({ userId }), aRecord({ userId: `${userId}x` })];
    for (const record of [first, second, other]) await a.create(record);
    expect(new Set((await b.listByUser(userId)).map(({ id }) => id))).toEqual(new Set([first.id, second.id]));
    await a.destroy(first.id);
    expect((await b.listByUser(userId)).map(({ id }) => id)).toEqual([second.id]);

    expect(await b.epochOf(userId)).toBe(0);
    const raised = await Promise.all([a.raiseEpoch(userId), b.raiseEpoch(userId), a.raiseEpoch(userId)]);
    if (a.capabilities.atomicUpdate) expect(new Set(raised).size).toBe(3);
    expect(await b.epochOf(userId)).toBe(Math.max(...raised));
    expect((await a.find(second.id))?.userEpoch).toBe(Math.max(...raised));
    expect((await a.find(other.id))?.userEpoch).toBe(0);
  });

  it('lists a session under whose it has become, as it is now, if it is an index', async ({ a, b }) => {
    if (!isSessionIndex(a) || !isSessionIndex(b)) return;
    const [visitor, userId, other] = [aRecord(), `user-${newId(Date.now())}`, `other-${newId(Date.now())}`];
    await a.create(visitor);
    const login = next(visitor, { userId, payload: payload({ cart: 'mine' }) });
    await b.update(login, visitor);
    for (const store of [a, b]) expect(await store.listByUser(userId)).toEqual([login]);
    const switched = next(login, { userId: other });
    await a.update(switched, login);
    for (const store of [a, b]) {
      expect(await store.listByUser(userId)).toEqual([]);
      expect((await store.listByUser(other)).map(({ id }) => id)).toEqual([visitor.id]);
    }
  });
}
