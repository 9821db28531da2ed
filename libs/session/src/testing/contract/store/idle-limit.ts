// A touch moves the idle limit forward, and changes nothing else.
import { expect } from '@jest/globals';
import { aRecord, next, payload } from '../../a-record.js';
import { markOf, type StoreKit } from './store-kit.js';

export function idleLimit({ it }: StoreKit): void {
  it('moves the idle limit forward only, by touch as by update', async ({ a, b }) => {
    const record = aRecord();
    const later = record.idleEndsAt + 1000;
    await a.create(record);
    await b.touch(record.id, later);
    await a.touch(record.id, record.idleEndsAt - 5000);
    expect((await b.find(record.id))?.record).toEqual({ ...record, idleEndsAt: later });
    const mark = markOf(await b.update(next(record), record), next(record));
    expect((await a.find(record.id, mark))?.record.idleEndsAt).toBe(later);
  });

  it('keeps what another writes when it touches', async ({ a, b, created }) => {
    for (let round = 0; round < 8; round++) {
      const record = await created();
      const second = next(record, { payload: payload({ cart: 'kept' }) });
      const write = () => a.update(second, record);
      const touch = () => b.touch(record.id, record.idleEndsAt + 1);
      // Each is the first to start in turn.
      const [result] = round % 2 ? await Promise.all([write(), touch()]) : await reversed(touch(), write());
      const found = await b.find(record.id, markOf(result, second));
      expect(found?.record).toMatchObject({ version: 2, payload: second.payload });
    }
  });
}

async function reversed<A, B>(first: Promise<A>, second: Promise<B>): Promise<[B, A]> {
  const [one, two] = await Promise.all([first, second]);
  return [two, one];
}
