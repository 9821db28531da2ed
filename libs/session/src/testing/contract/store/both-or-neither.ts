// Two changes that are one: a create that ends another session, and the end of all sessions of a user but one.
import { expect } from '@jest/globals';
import { newId } from '../../../core/identity.js';
import { liftsSessions } from '../../../port/abilities.js';
import { aRecord, next } from '../../a-record.js';
import { markOf, type StoreKit } from './store-kit.js';

export function bothOrNeither({ it }: StoreKit): void {
  it('ends a session together with the create of another one as it says, and no other version of it', async (kit) => {
    const { a, b, everywhere, expectGone, created } = kit;
    const left = aRecord();
    const seenOfLeft = markOf(await a.create(left), left);
    const instead = aRecord();
    const result = await b.create(instead, left);
    for (const found of await everywhere(instead.id, markOf(result, instead))) expect(found?.record).toEqual(instead);
    if (result.status === 'done' && result.ended) await expectGone(left.id);
    else for (const found of await everywhere(left.id, seenOfLeft)) expect(found?.record).toEqual(left);

    const changed = await created();
    const second = next(changed);
    const seen = markOf(await b.update(second, changed), second);
    const late = aRecord();
    const lateResult = await a.create(late, changed);
    expect(lateResult).not.toHaveProperty('ended');
    expect((await b.find(late.id, markOf(lateResult, late)))?.record).toEqual(late);
    // Repeated, as after an answer that was lost: there already, so it ends nothing either.
    expect(await b.create(late, second)).not.toHaveProperty('ended');
    for (const found of await everywhere(changed.id, seen)) expect(found?.record).toEqual(second);
  });

  it('lifts a session above all others of its user, both or neither, if it can', async ({ a, b, everywhere }) => {
    if (!liftsSessions(a) || !liftsSessions(b)) return;
    const userId = `user-${newId(Date.now())}`;
    const [own, other] = [aRecord({ userId }), aRecord({ userId })];
    for (const record of [own, other]) await a.create(record);
    const stale = next(next(own), { epoch: 1 });
    expect(await b.updateAbove(stale, next(own))).toEqual({ status: 'conflict', current: own });
    expect(await a.epochOf(userId)).toBe(0);

    const lifted = next(own, { epoch: 1, writes: ['lift-000'] });
    expect(await b.updateAbove(lifted, own)).toEqual({ status: 'done' });
    for (const found of await everywhere(own.id)) expect(found).toEqual({ record: lifted, userEpoch: 1 });
    for (const found of await everywhere(other.id)) expect(found).toEqual({ record: other, userEpoch: 1 });
    // Repeated, as after an answer that was lost.
    expect(await a.updateAbove(lifted, own)).toEqual({ status: 'done', record: lifted });
    expect(await a.updateAbove(next(other, { epoch: 1 }), other)).toEqual({ status: 'gone' });
    expect(await b.epochOf(userId)).toBe(1);

    const again = next(lifted, { epoch: 2, writes: ['lift-001'] });
    expect(await a.updateAbove(again, lifted)).toEqual({ status: 'done' });
    expect(await b.epochOf(userId)).toBe(2);
  });
}
