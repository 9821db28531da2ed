// An update or destroy changes the version that it names and nothing else; of several at once none is lost unnoticed.
import { expect } from '@jest/globals';
import { newId } from '../../../core/identity.js';
import type { Json } from '../../../port/records.js';
import { aRecord, HOUR, next, payload } from '../../a-record.js';
import { markOf, type StoreKit } from './store-kit.js';

export function compareAndSet(kit: StoreKit): void {
  oneOfTwo(kit);
  manyAtOnce(kit);
  whatIsNotThere(kit);
}

function oneOfTwo({ it }: StoreKit): void {
  it('updates the version it expects, and shows it on every server', async ({ b, everywhere, created }) => {
    const record = await created();
    const second = next(record, { payload: payload({ cart: 'second' }), userId: 'user-2', epoch: 3 });
    const result = await b.update(second, record);
    expect(result).toMatchObject({ status: 'done' });
    for (const found of await everywhere(record.id, markOf(result, second))) expect(found?.record).toEqual(second);
  });

  it('loses neither of two updates of one version: refuses the later, or merges it', async (kit) => {
    const { a, b, servers, everywhere, created } = kit;
    const record = await created();
    const winner = next(record, { payload: payload({ cart: { apple: 1 }, a: 1 }) });
    const loser = next(record, { payload: payload({ cart: { apple: 1 }, b: 2 }) });
    const mark = markOf(await a.update(winner, record), winner);
    const result = await b.update(loser, record);
    if (a.capabilities.atomicUpdate) {
      expect(result).toEqual({ status: 'conflict', current: winner });
      expect((await b.find(record.id, mark))?.record).toEqual(winner);
    } else if (a.capabilities.mergesKeys) {
      const seen = await everywhere(record.id, markOf(result, loser));
      const contents = seen.map((found) => (JSON.parse(found!.record.payload) as { d: Json }).d);
      expect(contents).toEqual(servers.map(() => ({ cart: { apple: 1 }, a: 1, b: 2 })));
    }
  });

  it('lets exactly one of many concurrent updates win, if updates are atomic; else all agree on the winner', async (kit) => {
    const { a, servers, everywhere, created } = kit;
    const record = await created();
    const tries = Array.from({ length: 16 }, (_, i) =>
      servers[i % 2].update(next(record, { payload: payload({ cart: i }) }), record),
    );
    const results = await Promise.all(tries);
    const winners = results.flatMap(({ status }, i) => (status === 'done' ? [i] : []));
    const last = winners.at(-1)!;
    const seen = await everywhere(record.id, markOf(results[last], next(record)));
    const contents = seen.map((found) => found!.record.payload);
    expect(new Set(contents).size).toBe(1);
    expect(winners.map((winner) => payload({ cart: winner }))).toContain(contents[0]);
    if (a.capabilities.atomicUpdate) expect(winners).toHaveLength(1);
  });
}

/** A store may write them together; each session is still one of its own. */
function manyAtOnce({ it }: StoreKit): void {
  it('gives each of many updates of one turn its own answer', async ({ a, b, created }) => {
    const { atomicUpdate } = a.capabilities;
    const kinds = Array.from({ length: 21 }, (_, i) => (['right', 'stale', 'ended'] as const)[i % 3]);
    // The last one is to be found as it was written.
    kinds.push('right');
    const sessions = await Promise.all(
      kinds.map(async (kind, i) => {
        const record = await created();
        const faster = next(record, { payload: payload({ faster: i }) });
        if (kind === 'stale') await a.update(faster, record);
        if (kind === 'ended') await a.destroy(record.id);
        return { kind, record, faster, written: next(record, { payload: payload({ cart: i }) }) };
      }),
    );
    const results = await Promise.all(sessions.map(({ record, written }) => a.update(written, record)));
    for (const [i, { kind, record, faster, written }] of sessions.entries()) {
      const result = results[i];
      if (kind === 'ended') expect(result).toEqual({ status: 'gone' });
      // A store whose updates are not atomic may merge, or refuse.
      else if (kind === 'stale' && !atomicUpdate) expect(result.status).not.toBe('gone');
      else if (kind === 'stale') expect(result).toEqual({ status: 'conflict', current: faster });
      if (kind !== 'right') continue;
      expect(result.status).toBe('done');
      const found = await b.find(record.id, markOf(result, written));
      expect(found?.record).toEqual(written);
    }
  });
}

function whatIsNotThere({ it }: StoreKit): void {
  it('refuses an update of a version that is not there, if updates are atomic', async ({ a, b, created }) => {
    if (!a.capabilities.atomicUpdate) return;
    const record = await created();
    const result = await b.update({ ...record, version: 5 }, { ...record, version: 4 });
    expect(result.status).toBe('conflict');
  });

  it('adds nothing by an update, touch or destroy of an unknown session', async ({ a, expectGone }) => {
    // Of a while ago: a new one may be on its way, and a store may say so.
    const record = aRecord({ version: 2, id: newId(Date.now() - HOUR) });
    expect(await a.update(record, { ...record, version: 1 })).toEqual({ status: 'gone' });
    await a.touch(record.id, record.idleEndsAt);
    expect(await a.destroy(record.id)).toEqual({ status: 'gone' });
    await expectGone(record.id);
  });

  it('ends only the version that it was told, if updates are atomic', async ({ a, b, expectGone, created }) => {
    if (!a.capabilities.atomicUpdate) return;
    const record = await created();
    const second = next(record);
    await b.update(second, record);
    expect(await a.destroy(record.id, 1)).toEqual({ status: 'conflict', current: second });
    expect(await a.destroy(record.id, 2)).toEqual({ status: 'done' });
    await expectGone(record.id);
  });
}
