// One question tells of many sessions: which live on, and until when.
import { expect } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { newId } from '../../../core/identity.js';
import { hasEpochs, tellsLives, type SessionLives } from '../../../port/abilities.js';
import { aRecord, HOUR, next, payload } from '../../a-record.js';
import type { StoreKit } from './store-kit.js';

export function lives({ it }: StoreKit): void {
  it('tells of many sessions at once what finding each would tell', async ({ a, b, created }) => {
    if (!tellsLives(b)) return;
    const [kept, changed, touched, ended] = [await created(), await created(), await created(), await created()];
    const later = next(changed, { payload: payload({ cart: 'x'.repeat(5000) }), writes: ['w2'] });
    await a.update(later, changed);
    await a.touch(touched.id, touched.idleEndsAt + HOUR);
    await a.destroy(ended.id);
    const unknown = newId(Date.now() - HOUR);
    const lives = await allLives(b, [kept, changed, touched, ended].map(({ id }) => id).concat(unknown));
    const live = [kept.id, changed.id, touched.id];
    expect([...lives.keys()].sort()).toEqual([...live, ended.id, unknown].sort());
    expect([lives.get(ended.id), lives.get(unknown)]).toEqual([undefined, undefined]);
    expect(lives.get(kept.id)).toMatchObject({
      record: { idleEndsAt: kept.idleEndsAt, endsAt: kept.endsAt, userId: null, epoch: 0 },
      userEpoch: 0,
    });
    expect(lives.get(touched.id)!.record.idleEndsAt).toBe(touched.idleEndsAt + HOUR);
    const head = lives.get(changed.id)!.record.payload;
    expect([later.payload.startsWith(head), head.length >= 40]).toEqual([true, true]);
    expect(await b.livesOf([])).toEqual(new Map());
  });

  it('tells of each session the epoch that its user has now', async ({ a, b }) => {
    if (!tellsLives(b) || !hasEpochs(a)) return;
    const userId = `user-${newId(Date.now())}`;
    const record = aRecord({ userId });
    await a.create(record);
    expect((await allLives(b, [record.id])).get(record.id)).toMatchObject({
      record: { userId, epoch: 0 },
      userEpoch: 0,
    });
    const epoch = await a.raiseEpoch(userId);
    const end = Date.now() + Math.max(a.capabilities.logoutWithinMs, TELLS_WITHIN_MS);
    const seen = async () => (await allLives(b, [record.id])).get(record.id)?.userEpoch;
    while ((await seen()) !== epoch && Date.now() < end) await sleep(20);
    expect(await seen()).toBe(epoch);
  });
}

/** So long a store may be unable to tell of a session that nothing keeps from it. Milliseconds. */
const TELLS_WITHIN_MS = 4000;

/** Asks until the store can tell of all of them. */
async function allLives(store: SessionLives, ids: readonly string[]): ReturnType<SessionLives['livesOf']> {
  const end = Date.now() + TELLS_WITHIN_MS;
  for (;;) {
    const lives = await store.livesOf(ids);
    if (ids.every((id) => lives.has(id)) || Date.now() > end) return lives;
    await sleep(20);
  }
}
