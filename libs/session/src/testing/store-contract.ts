// The port's promises, one test each: what every store must do, seen from two servers that share it.
import { expect } from '@jest/globals';
import { StoreUnavailableError } from '../core/errors.js';
import {
  isSealed,
  isSessionIndex,
  liftsSessions,
  type Json,
  type Mark,
  type SessionRecord,
  type SessionStore,
  type WriteResult,
} from '../port/store.js';
import { newId } from '../core/token.js';
import { aRecord, HOUR, next, payload } from './a-record.js';
import { jestRunner, type TestRunner } from './runner.js';
import type { StoreUnderTest } from './store-under-test.js';

/** Asserts that a store keeps the promises of `SessionStore` and, where it is one, `SessionIndex`. */
export function describeStoreContract(
  name: string,
  open: () => Promise<StoreUnderTest>,
  { describe, it, beforeAll, afterAll }: TestRunner = jestRunner,
): void {
  describe(`${name}: the store's contract`, () => {
    let opened: StoreUnderTest;
    let a: SessionStore;
    let b: SessionStore;

    beforeAll(async () => {
      opened = await open();
      if (opened.servers.some(isSealed))
        throw new Error('A sealed store keeps nothing on the server: run only the session contract for it.');
      [a, b] = opened.servers as [SessionStore, SessionStore];
    });
    afterAll(() => opened.close?.());

    const servers = () => opened.servers as readonly SessionStore[];
    const everywhere = (id: string, atLeast?: Mark) => Promise.all(servers().map((store) => store.find(id, atLeast)));
    const expectGone = async (id: string) => {
      const end = Date.now() + a.capabilities.logoutWithinMs;
      const lives = async () => (await everywhere(id)).some((found) => found !== undefined);
      while ((await lives()) && Date.now() < end) await new Promise((resolve) => setTimeout(resolve, 20));
      expect(await everywhere(id)).toEqual(servers().map(() => undefined));
    };

    it('gives back on every server exactly what was created on one', async () => {
      const record = aRecord({
        payload: payload({ note: '𝄞 "quoted" \\ \u0000 ü '.repeat(500) }),
        userId: 'user-1',
        epoch: 0,
      });
      const mark = markOf(await a.create(record), record);
      for (const found of await everywhere(record.id, mark)) expect(found).toMatchObject({ record, userEpoch: 0 });
    });

    it('finds nothing under an id that was never used', () => expectGone(newId(Date.now())));

    it('counts a repeated create once', async () => {
      const record = aRecord();
      await a.create(record);
      const mark = markOf(await b.create(record), record);
      expect((await a.find(record.id, mark))?.record).toEqual(record);
    });

    it('brings what is there when a record is created once more', async () => {
      const record = aRecord();
      await a.create(record);
      const result = await b.create({ ...record, payload: payload({ cart: 'of a second try' }) });
      expect(result).toMatchObject({ status: 'done', record: { id: record.id, payload: record.payload } });
    });

    it('does not let a repeated create undo what came after it', async () => {
      const record = aRecord();
      await a.create(record);
      const later = next(record, { payload: payload({ cart: 'later' }) });
      const mark = markOf(await b.update(later, record), later);
      await a.create(record);
      expect((await a.find(record.id, mark))?.record.payload).toBe(later.payload);
    });

    it('updates the version it expects, and shows it on every server', async () => {
      const record = aRecord();
      await a.create(record);
      const second = next(record, { payload: payload({ cart: 'second' }), userId: 'user-2', epoch: 3 });
      const result = await b.update(second, record);
      expect(result).toMatchObject({ status: 'done' });
      for (const found of await everywhere(record.id, markOf(result, second))) expect(found?.record).toEqual(second);
    });

    it('loses neither of two updates of one version: refuses the later, or merges it', async () => {
      const record = aRecord();
      await a.create(record);
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
        expect(contents).toEqual(servers().map(() => ({ cart: { apple: 1 }, a: 1, b: 2 })));
      }
    });

    it('refuses an update of a version that is not there, if updates are atomic', async () => {
      if (!a.capabilities.atomicUpdate) return;
      const record = aRecord();
      await a.create(record);
      const result = await b.update({ ...record, version: 5 }, { ...record, version: 4 });
      expect(result.status).toBe('conflict');
    });

    it('lets exactly one of many concurrent updates win, if updates are atomic; else all agree on the winner', async () => {
      const record = aRecord();
      await a.create(record);
      const tries = Array.from({ length: 16 }, (_, i) =>
        servers()[i % 2].update(next(record, { payload: payload({ cart: i }) }), record),
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

    it('adds nothing by an update, touch or destroy of an unknown session', async () => {
      // Of a while ago: a new one may be on its way, and a store may say so.
      const record = aRecord({ version: 2, id: newId(Date.now() - HOUR) });
      expect(await a.update(record, { ...record, version: 1 })).toEqual({ status: 'gone' });
      await a.touch(record.id, record.idleEndsAt);
      expect(await a.destroy(record.id)).toEqual({ status: 'gone' });
      await expectGone(record.id);
    });

    it('moves the idle limit forward only, by touch as by update', async () => {
      const record = aRecord();
      const later = record.idleEndsAt + 1000;
      await a.create(record);
      await b.touch(record.id, later);
      await a.touch(record.id, record.idleEndsAt - 5000);
      expect((await b.find(record.id))?.record).toEqual({ ...record, idleEndsAt: later });
      const mark = markOf(await b.update(next(record), record), next(record));
      expect((await a.find(record.id, mark))?.record.idleEndsAt).toBe(later);
    });

    it('keeps what another writes when it touches', async () => {
      for (let round = 0; round < 8; round++) {
        const record = aRecord();
        await a.create(record);
        const second = next(record, { payload: payload({ cart: 'kept' }) });
        const write = () => a.update(second, record);
        const touch = () => b.touch(record.id, record.idleEndsAt + 1);
        // Each is the first to start in turn.
        const [result] = round % 2 ? await Promise.all([write(), touch()]) : await reversed(touch(), write());
        const found = await b.find(record.id, markOf(result, second));
        expect(found?.record).toMatchObject({ version: 2, payload: second.payload });
      }
    });

    for (const late of ['update', 'touch', 'create'] as const) {
      it(`does not bring an ended session back by a late ${late}`, async () => {
        const record = aRecord();
        await a.create(record);
        expect(await a.destroy(record.id)).toEqual({ status: 'done' });
        await expectGone(record.id);
        for (const store of servers()) {
          if (late === 'update') expect(await store.update(next(record), record)).toEqual({ status: 'gone' });
          if (late === 'touch') await store.touch(record.id, record.endsAt);
          // The tombstone answers: only so can it be told from a session that never was.
          if (late === 'create') expect(await store.create(record)).toEqual({ status: 'gone' });
        }
        await expectGone(record.id);
        expect(await b.destroy(record.id)).toEqual({ status: 'gone' });
      });
    }

    it('ends a session in the midst of writes for good', async () => {
      const record = aRecord();
      await a.create(record);
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

    it('ends a session together with the create of another one as it says, and no other version of it', async () => {
      const left = aRecord();
      const seenOfLeft = markOf(await a.create(left), left);
      const instead = aRecord();
      const result = await b.create(instead, left);
      for (const found of await everywhere(instead.id, markOf(result, instead))) expect(found?.record).toEqual(instead);
      if (result.status === 'done' && result.ended) await expectGone(left.id);
      else for (const found of await everywhere(left.id, seenOfLeft)) expect(found?.record).toEqual(left);

      const changed = aRecord();
      await a.create(changed);
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

    it('lifts a session above all others of its user, both or neither, if it can', async () => {
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

    it('ends only the version that it was told, if updates are atomic', async () => {
      if (!a.capabilities.atomicUpdate) return;
      const record = aRecord();
      await a.create(record);
      const second = next(record);
      await b.update(second, record);
      expect(await a.destroy(record.id, 1)).toEqual({ status: 'conflict', current: second });
      expect(await a.destroy(record.id, 2)).toEqual({ status: 'done' });
      await expectGone(record.id);
    });

    it('sweeps what has ended, keeps what lives and each tombstone until its session would have ended', async () => {
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
      for (let none = 0; none < 5;) none = (await b.sweep(past + 1000, 100)) > 0 ? 0 : none + 1;
      await expectGone(idle.id);
      await expectGone(over.id);
      expect((await b.find(live.id))?.record).toEqual(live);
      await a.create(tombstone);
      await expectGone(tombstone.id);
    });

    it("knows a user's sessions and epochs, if it is an index", async () => {
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

    it('lists a session under whose it has become, as it is now, if it is an index', async () => {
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

    it('throws when it cannot answer, and never takes that for an absence, if the test can cut it off', async () => {
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
  });
}

/** What a browser would be told to have seen by this write. */
function markOf(result: WriteResult, record: SessionRecord): Mark {
  return (result.status === 'done' ? result.mark : undefined) ?? String(record.version);
}

async function reversed<A, B>(first: Promise<A>, second: Promise<B>): Promise<[B, A]> {
  const [one, two] = await Promise.all([first, second]);
  return [two, one];
}
