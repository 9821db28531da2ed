// A store that cannot answer throws.
import { expect } from '@jest/globals';
import { StoreUnavailableError } from '../../../core/errors.js';
import { newId } from '../../../core/identity.js';
import { aRecord, next } from '../../a-record.js';
import { markOf, type StoreKit } from './store-kit.js';

export function faultsAreNotAbsences({ it }: StoreKit): void {
  it('throws when it cannot answer, and never takes that for an absence, if the test can cut it off', async (kit) => {
    const { a, opened } = kit;
    if (!opened.cut) return;
    const record = aRecord();
    const mark = markOf(await a.create(record), record);
    const heal = await opened.cut();
    try {
      for (const act of [
        () => a.find(record.id),
        () => a.create(aRecord()),
        () => a.update(next(record), record),
        () => a.destroy(newId(Date.now())),
      ])
        await expect(act()).rejects.toThrow(StoreUnavailableError);
    } finally {
      await heal();
    }
    expect((await a.find(record.id, mark))?.record.id).toBe(record.id);
  });
}
