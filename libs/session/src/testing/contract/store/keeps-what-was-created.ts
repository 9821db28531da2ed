// What was created on one server is there on every other one as it was, and only once.
import { expect } from '@jest/globals';
import { newId } from '../../../core/identity.js';
import { aRecord, next, payload } from '../../a-record.js';
import { markOf, type StoreKit } from './store-kit.js';

export function keepsWhatWasCreated({ it }: StoreKit): void {
  it('gives back on every server exactly what was created on one', async ({ a, everywhere }) => {
    const record = aRecord({
      payload: payload({ note: '𝄞 "quoted" \\ \u0000 ü '.repeat(500) }),
      userId: 'user-1',
      epoch: 0,
    });
    const mark = markOf(await a.create(record), record);
    for (const found of await everywhere(record.id, mark)) expect(found).toMatchObject({ record, userEpoch: 0 });
  });

  it('finds nothing under an id that was never used', ({ expectGone }) => expectGone(newId(Date.now())));

  it('counts a repeated create once', async ({ a, b, created }) => {
    const record = await created();
    const mark = markOf(await b.create(record), record);
    expect((await a.find(record.id, mark))?.record).toEqual(record);
  });

  it('brings what is there when a record is created once more', async ({ b, created }) => {
    const record = await created();
    const result = await b.create({ ...record, payload: payload({ cart: 'of a second try' }) });
    expect(result).toMatchObject({ status: 'done', record: { id: record.id, payload: record.payload } });
  });

  it('does not let a repeated create undo what came after it', async ({ a, b, created }) => {
    const record = await created();
    const later = next(record, { payload: payload({ cart: 'later' }) });
    const mark = markOf(await b.update(later, record), later);
    await a.create(record);
    expect((await a.find(record.id, mark))?.record.payload).toBe(later.payload);
  });
}
