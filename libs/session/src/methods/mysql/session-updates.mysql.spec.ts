// Changes of many sessions in one turn, on three real servers: few commits, the answers of single writes, nobody held up.
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { startDatabases, type Databases } from '@roam/local-stack';
import { MysqlCluster } from '@roam/mysql-cluster';
import fc from 'fast-check';
import type { RowDataPacket } from 'mysql2';
import { createConnection, type Connection } from 'mysql2/promise';
import type { SessionRecord, WriteResult } from '../../port/records.js';
import { aRecord, next, payload } from '../../testing/a-record.js';
import { MysqlSessionStore } from './mysql-session-store.js';
import { sessionTables } from './schema.js';
import { bytes } from './session-rows.js';

jest.setTimeout(120_000);

const FROZEN_MS = 3_000;

let databases: Databases;
let clusters: MysqlCluster[];
/** Of all nodes; of the first node alone; of the second alone. */
let stores: MysqlSessionStore[];
let admin: Connection;

beforeAll(async () => {
  databases = await startDatabases({ count: 3, topology: 'multi-primary' });
  // Nothing is to be passed over because the machine is busy.
  const patience = { readTimeoutMs: 3_000, writeTimeoutMs: 6_000, maxLagMs: 5_000, frozenMs: FROZEN_MS };
  const [first, second] = databases.urls;
  const groups = [[...databases.urls], [first], [second]];
  clusters = await Promise.all(groups.map((urls) => MysqlCluster.connect({ urls, ...patience })));
  for (const statement of sessionTables) await clusters[0].write(statement, [], { everywhere: true });
  stores = clusters.map((cluster) => new MysqlSessionStore(cluster));
  admin = await createConnection(databases.nodes[0].adminUrl);
}, 120_000);
afterAll(async () => {
  await admin?.end();
  await Promise.all(clusters?.map((cluster) => cluster.close()) ?? []);
  await databases?.stop();
});

async function created(count: number, store = stores[0]): Promise<SessionRecord[]> {
  const records = Array.from({ length: count }, (_, i) => aRecord({ payload: payload({ i, text: `“${i}\\"` }) }));
  await Promise.all(records.map((record) => store.create(record)));
  return records;
}

let changes = 0;
/** With a write id of its own, as the module gives one to each write. */
const changed = (record: SessionRecord, by = 'w') =>
  next(record, { payload: payload({ by, emoji: '🚲' }), writes: [...record.writes, `${by}-${changes++}`] });

/** How many transactions the work has committed. */
async function commitsOf(work: () => Promise<unknown>): Promise<number> {
  type Gtids = RowDataPacket & { gtids: string };
  const executed = 'SELECT @@global.gtid_executed AS gtids';
  const [[before]] = await admin.query<Gtids[]>(executed);
  await work();
  const [[after]] = await admin.query<Gtids[]>('SELECT GTID_SUBTRACT(@@global.gtid_executed, ?) AS gtids', [
    before.gtids,
  ]);
  let count = 0;
  for (const [, from, to = from] of after.gtids.matchAll(/:(\d+)(?:-(\d+))?/g)) count += Number(to) - Number(from) + 1;
  return count;
}

describe('changes of one turn', () => {
  it('are one commit for up to 32 sessions, and touches too', async () => {
    const records = await created(64, stores[1]);
    const ends = records.map(({ idleEndsAt }) => idleEndsAt + 5_000);
    const touches = () => Promise.all(records.map(({ id }, i) => stores[1].touch(id, ends[i])));
    expect(await commitsOf(touches)).toBe(2);
    let results: WriteResult[] = [];
    const updates = () => Promise.all(records.map((record) => stores[1].update(changed(record), record)));
    expect(await commitsOf(async () => (results = await updates()))).toBe(2);
    expect(results).toEqual(records.map(() => ({ status: 'done' })));
    const found = await Promise.all(records.map(({ id }) => stores[1].find(id, '2')));
    expect(found.map((each) => each?.record.idleEndsAt)).toEqual(ends);
    expect(found[5]?.record.payload).toBe(payload({ by: 'w', emoji: '🚲' }));
    const sql = 'SELECT COUNT(*) AS count FROM sessions WHERE sweep_at <> LEAST(idle_ends_at, ends_at)';
    expect(await clusters[1].read(sql, [])).toEqual([{ count: 0 }]);
  });

  it('have the results of single writes, whatever comes together', async () => {
    const kind = fc.constantFrom('right', 'right', 'right', 'stale', 'ended', 'twice', 'signed in');
    await fc.assert(
      fc.asyncProperty(fc.array(kind, { minLength: 2, maxLength: 40 }), async (kinds) => {
        const records = await created(kinds.length);
        const newer = records.map((record) => changed(record, 'newer'));
        await Promise.all(
          kinds.map(async (each, i) => {
            if (each === 'stale') await stores[0].update(newer[i], records[i]);
            if (each === 'ended') await stores[0].destroy(records[i].id);
          }),
        );
        const results = kinds.map(async (each, i) => {
          const record = { ...changed(records[i]), ...(each === 'signed in' && { userId: 'user-1', epoch: 3 }) };
          const tries = [record, ...(each === 'twice' ? [changed(records[i], 'second')] : [])];
          const ended = await Promise.all(tries.map((each) => stores[0].update(each, records[i])));
          const winner = ended.findIndex(({ status }) => status === 'done');
          return { ended, found: await stores[0].find(records[i].id), expected: tries[winner] };
        });
        for (const [i, { ended, found, expected }] of (await Promise.all(results)).entries()) {
          const statuses = ended.map(({ status }) => status).sort();
          if (kinds[i] === 'stale') {
            expect(ended).toEqual([{ status: 'conflict', current: newer[i] }]);
            expect(found?.record).toEqual(newer[i]);
          } else if (kinds[i] === 'ended') expect([...ended, found]).toEqual([{ status: 'gone' }, undefined]);
          else {
            expect(statuses).toEqual(kinds[i] === 'twice' ? ['conflict', 'done'] : ['done']);
            expect(found?.record).toEqual(expected);
          }
        }
      }),
      { numRuns: 40 },
    );
  });

  it('are refused one by one where a value does not fit', async () => {
    const records = await created(4, stores[1]);
    const [bad] = records;
    const results = await Promise.allSettled(
      records.map((record) =>
        stores[1].update({ ...changed(record), ...(record === bad && { userId: 'u'.repeat(65) }) }, record),
      ),
    );
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'fulfilled', 'fulfilled']);
    expect((await stores[1].find(bad.id))?.record).toEqual(bad);
  });
});

describe('a session that another transaction has locked', () => {
  it('waits alone: the others of its turn are done at once', async () => {
    const records = await created(20, stores[1]);
    const [locked, touched, ...others] = records;
    const holder = await createConnection(databases.nodes[0].adminUrl.replace(/\/[^/]*$/, '/roam'));
    await holder.beginTransaction();
    await holder.query('SELECT 1 FROM sessions WHERE id IN (?) FOR UPDATE', [
      [locked, touched].map(({ id }) => bytes(id)),
    ]);
    const isDone = { update: false, touch: false };
    const update = stores[1].update(changed(locked), locked).finally(() => (isDone.update = true));
    const touch = stores[1].touch(touched.id, touched.idleEndsAt + 5_000).finally(() => (isDone.touch = true));
    const begun = performance.now();
    const results = Promise.all(others.map((record) => stores[1].update(changed(record), record)));
    const touches = Promise.all(others.map(({ id, idleEndsAt }) => stores[1].touch(id, idleEndsAt + 1)));
    expect(await results).toEqual(others.map(() => ({ status: 'done' })));
    await touches;
    // Less than the wait for a lock; no more than a few statements on a busy machine.
    expect(performance.now() - begun).toBeLessThan(700);
    expect(isDone).toEqual({ update: false, touch: false });
    await holder.rollback();
    await holder.end();
    expect(await update).toEqual({ status: 'done' });
    await touch;
    expect((await stores[1].find(touched.id))?.record.idleEndsAt).toBe(touched.idleEndsAt + 5_000);
  });

  it('holds nobody up when several such come one by one', async () => {
    const records = await created(20, stores[1]);
    const locked = records.slice(0, 4);
    const holder = await createConnection(databases.nodes[0].adminUrl.replace(/\/[^/]*$/, '/roam'));
    await holder.beginTransaction();
    await holder.query('SELECT 1 FROM sessions WHERE id IN (?) FOR UPDATE', [locked.map(({ id }) => bytes(id))]);
    let done = 0;
    const waiting: Promise<WriteResult>[] = [];
    const wait = async (record: SessionRecord) => {
      const result = await stores[1].update(changed(record), record);
      done++;
      return result;
    };
    for (const record of locked) {
      waiting.push(wait(record));
      await new Promise(setImmediate);
    }
    for (const record of records.slice(4))
      expect(await stores[1].update(changed(record), record)).toEqual({ status: 'done' });
    expect(done).toBe(0);
    await holder.rollback();
    await holder.end();
    expect(await Promise.all(waiting)).toEqual(locked.map(() => ({ status: 'done' })));
  });
});

describe('two nodes that take changes of the same sessions at once', () => {
  it('agree on one winner for each, whole batches though the group rolls back', async () => {
    const [, a, b] = stores;
    for (let round = 0; round < 8; round++) {
      const records = await created(16);
      // Both nodes have them before the race.
      await Promise.all([a, b].flatMap((store) => records.map(({ id }) => store.find(id, '1'))));
      const race = await Promise.all(
        [a, b].map((store, i) =>
          Promise.all(records.map((record) => store.update(changed(record, `server-${i}`), record))),
        ),
      );
      for (const [i, record] of records.entries()) {
        const statuses = race.map((results) => results[i].status).sort();
        expect(statuses).toEqual(['conflict', 'done']);
        const winner = race.findIndex((results) => results[i].status === 'done');
        const found = await Promise.all([a, b].map((store) => store.find(record.id, '2')));
        for (const each of found) expect(each?.record.payload).toBe(payload({ by: `server-${winner}`, emoji: '🚲' }));
      }
    }
    expect(clusters[1].stats().retries + clusters[2].stats().retries).toBeGreaterThan(0);
  });
});

describe('a standstill', () => {
  it('of this process between the change and its statement: nothing is sent', async () => {
    const records = await created(10);
    const results = Promise.allSettled(records.map((record) => stores[0].update(changed(record), record)));
    const until = performance.now() + FROZEN_MS + 500;
    while (performance.now() < until);
    expect((await results).map(({ status }) => status)).toEqual(records.map(() => 'rejected'));
    const end = Date.now() + 30_000;
    let found: (SessionRecord | undefined)[] = [];
    // All nodes are looked at anew first.
    while (found.length === 0 && Date.now() < end)
      found = await Promise.all(records.map(async ({ id }) => (await stores[0].find(id))?.record)).catch(() => []);
    expect(found).toEqual(records);
  });

  it('of a node with full batches: each is done by another node, once', async () => {
    const records = await created(200);
    const [, node] = databases.nodes;
    const results = Promise.all(records.map((record) => stores[0].update(changed(record), record)));
    // Some are sent, some wait.
    await new Promise(setImmediate);
    node.freeze();
    try {
      expect(await results).toEqual(records.map(() => ({ status: 'done' })));
    } finally {
      node.thaw();
    }
    const found = await Promise.all(records.map(({ id }) => stores[0].find(id, '2')));
    expect(found.map((each) => each?.record.version)).toEqual(records.map(() => 2));
  });
});
