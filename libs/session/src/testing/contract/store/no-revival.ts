// What has ended stays so, whatever comes late.
import { expect } from '@jest/globals';
import type { SessionStore } from '../../../port/store.js';
import { next } from '../../a-record.js';
import type { StoreKit } from './store-kit.js';

export function noRevival({ it }: StoreKit): void {
  for (const late of ['update', 'touch', 'create'] as const) {
    it(`does not bring an ended session back by a late ${late}`, async ({ a, b, servers, expectGone, created }) => {
      const record = await created();
      expect(await a.destroy(record.id)).toEqual({ status: 'done' });
      await expectGone(record.id);
      for (const store of servers) {
        if (late === 'update') expect(await store.update(next(record), record)).toEqual({ status: 'gone' });
        if (late === 'touch') await store.touch(record.id, record.endsAt);
        // The tombstone answers: only so can it be told from a session that never was.
        if (late === 'create') expect(await store.create(record)).toEqual({ status: 'gone' });
      }
      await expectGone(record.id);
      expect(await b.destroy(record.id)).toEqual({ status: 'gone' });
    });
  }

  it('ends a session in the midst of writes for good', async ({ a, b, expectGone, created }) => {
    const record = await created();
    let ended = false;
    const write = async (store: SessionStore) => {
      for (let mine = record, last = false; ;) {
        const result = await store.update(next(mine), mine);
        if (result.status === 'gone') return;
        expect(last).toBe(false);
        // What is sent from now on comes after the acknowledged end.
        last = ended;
        mine = result.status === 'conflict' ? result.current : (result.record ?? next(mine));
      }
    };
    const end = async () => {
      await b.destroy(record.id);
      ended = true;
    };
    await Promise.all([write(a), write(b), end()]);
    await expectGone(record.id);
  });
}
