// The sweep removes what has ended, keeps what lives and each tombstone until its session would have ended.
import { expect } from '@jest/globals';
import { newId } from '../../../core/identity.js';
import { aRecord, HOUR } from '../../a-record.js';
import type { StoreKit } from './store-kit.js';

export function sweep({ it }: StoreKit): void {
  it('sweeps what has ended, keeps what lives and each tombstone until its session would have ended', async (kit) => {
    const { a, b, expectGone } = kit;
    const past = Date.now() - 20 * HOUR;
    const idle = aRecord({ id: newId(past), idleEndsAt: past, endsAt: past + 40 * HOUR });
    const over = aRecord({ id: newId(past), idleEndsAt: past + 40 * HOUR, endsAt: past });
    const live = aRecord();
    const tombstone = aRecord({ id: newId(past), idleEndsAt: past });
    for (const record of [idle, over, live, tombstone]) await a.create(record);
    await a.destroy(tombstone.id);
    const count = async (limit: number) => (await b.sweep(past + 1000, limit)) <= limit;
    expect(await count(1)).toBe(true);
    // A call's work may be bounded by time: none removed does not mean that all were looked at.
    const areLeft = async () => (await b.find(idle.id)) !== undefined || (await b.find(over.id)) !== undefined;
    for (let calls = 0; calls < 5 || (calls < 100 && (await areLeft())); calls++) await b.sweep(past + 1000, 100);
    await expectGone(idle.id);
    await expectGone(over.id);
    expect((await b.find(live.id))?.record).toEqual(live);
    await a.create(tombstone);
    await expectGone(tombstone.id);
  });
}
