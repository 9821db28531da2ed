// The revocation list on a real MySQL server: rows that turn up late, a server that stops answering, a long list.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { startDatabases, type Databases } from '@roam/local-stack';
import { MysqlCluster } from '@roam/mysql-cluster';
import { createConnection, type Connection } from 'mysql2/promise';
import { setTimeout as sleep } from 'node:timers/promises';
import { StoreUnavailableError } from '../../../core/errors.js';
import { aRecord } from '../../../testing/a-record.js';
import { CookieSessions } from '../cookie-sessions.js';
import { MysqlRevocationList } from './mysql-revocation-list.js';
import { revocationTables } from './schema.js';
import { patience } from '../../../testing/patience.js';

jest.setTimeout(60_000);

const HOUR = 3_600_000;
const until = Date.now() + 8 * HOUR;
const INSERT = 'INSERT INTO session_revocations (subject, ends_at) VALUES (?, ?)';

let databases: Databases;
let cluster: MysqlCluster;
let connection: Connection;
const lists: MysqlRevocationList[] = [];

beforeAll(async () => {
  databases = await startDatabases({ count: 1, topology: 'single' });
  cluster = await MysqlCluster.connect({ urls: databases.urls, readTimeoutMs: 2000, writeTimeoutMs: 4000 });
  for (const statement of revocationTables) await cluster.write(statement, []);
  connection = await createConnection(databases.urls[0]);
}, 120_000);

afterAll(async () => {
  await connection?.end();
  await cluster?.close();
  await databases?.stop();
});

beforeEach(() => connection.query('DELETE FROM session_revocations'));
afterEach(() => {
  for (const list of lists.splice(0)) list.close();
});

async function openList(): Promise<MysqlRevocationList> {
  const list = await MysqlRevocationList.open({ database: cluster });
  lists.push(list);
  return list;
}

/** Waits for it as long as a logout may take to be followed, and a little for a busy machine. */
async function soon(holds: () => boolean): Promise<void> {
  const end = Date.now() + 3000;
  while (!holds() && Date.now() < end) await sleep(20);
  expect(holds()).toBe(true);
}

describe('the revocation list in MySQL', () => {
  it('is followed by other servers, users included, and counts here at once', async () => {
    const [one, two] = [await openList(), await openList()];
    await one.revoke('handle-1', until);
    expect([one.isRevoked('handle-1'), one.isRevoked('handle-2')]).toEqual([true, false]);
    const epoch = await one.raiseEpoch('user-1', until);
    expect([one.knownEpoch('user-1'), await two.epochOf('user-1')]).toEqual([epoch, epoch]);
    await soon(() => two.isRevoked('handle-1') && two.knownEpoch('user-1') === epoch);
    expect(await two.raiseEpoch('user-1', until)).toBe(epoch + 1);
  });

  it('sees a row that became visible long after later ones (a transaction held open)', async () => {
    const list = await openList();
    await connection.beginTransaction();
    await connection.execute(INSERT, ['late', until]);
    // The later rows, and the looks that see them.
    for (let i = 0; i < 10; i++) {
      await list.revoke(`early-${i}`, until);
      await sleep(400);
    }
    const other = await openList();
    expect([other.isRevoked('early-9'), other.isRevoked('late')]).toEqual([true, false]);
    await connection.commit();
    await soon(() => list.isRevoked('late'));
    // Also the server that started in between, and has seen nothing but the later ones.
    await soon(() => other.isRevoked('late'));
  });

  it('is loaded whole, in pieces, before a server is ready', async () => {
    const rows = Array.from({ length: 12_000 }, (_, i) => [`handle-${i}`, until]);
    await connection.query('INSERT INTO session_revocations (subject, ends_at) VALUES ?', [rows]);
    const start = performance.now();
    const list = await openList();
    console.log(`${rows.length} revocations were loaded in ${Math.round(performance.now() - start)} ms.`);
    expect(rows.every(([handle]) => list.isRevoked(handle as string))).toBe(true);
    expect(performance.now() - start).toBeLessThan(5000 * patience());
  });

  it('counts from the first request on when all servers have restarted (CVE-2026-9802)', async () => {
    const storeOn = (revocations: MysqlRevocationList) =>
      new CookieSessions({
        secrets: ['k'.repeat(32)],
        audience: 'https://roam.example',
        revocations,
        lifetimeMs: 30 * 24 * HOUR,
      });
    const before = [storeOn(await openList()), storeOn(await openList())];
    const [signedOut, live] = [aRecord(), aRecord()];
    await before[0].destroy(signedOut.id);
    const epoch = await before[1].raiseEpoch('user-9');
    for (const list of lists.splice(0)) list.close();

    for (const store of [storeOn(await openList()), storeOn(await openList())]) {
      expect(await store.admit(signedOut)).toBeUndefined();
      expect(await store.admit(live)).toBeDefined();
      expect((await store.admit(aRecord({ userId: 'user-9' })))?.userEpoch).toBe(epoch);
    }
  });

  it('forgets what would have ended, in memory and in MySQL', async () => {
    const past = Date.now() - HOUR;
    const rows = Array.from({ length: 1000 }, (_, i) => [`old-${i}`, past]);
    await connection.query('INSERT INTO session_revocations (subject, ends_at) VALUES ?', [rows]);
    const list = await openList();
    await list.revoke('new', until);
    expect(await list.sweep(Date.now(), 600)).toBe(600);
    expect(await list.sweep(Date.now(), 600)).toBe(400);
    expect(await list.sweep(Date.now(), 600)).toBe(0);
    const fresh = await openList();
    expect(fresh.size).toBe(1);
    expect(fresh.isRevoked('new')).toBe(true);
  });

  it('lets nobody in while it cannot be heard, whatever was known, and everybody again afterwards', async () => {
    const list = await openList();
    const store = new CookieSessions({
      secrets: ['k'.repeat(32)],
      audience: 'https://roam.example',
      lifetimeMs: 8 * HOUR,
      revocations: list,
    });
    const [live, ended] = [aRecord(), aRecord()];
    await store.destroy(ended.id);
    expect(await store.admit(live)).toBeDefined();
    const [server] = databases.nodes;
    server.freeze();
    try {
      // What was heard serves for a second, and not for longer: a look under way began at most that long ago.
      const frozenAt = performance.now();
      let admitted = frozenAt;
      let error: unknown;
      while (error === undefined && performance.now() - frozenAt < 10_000) {
        await store.admit(live).catch((reason: unknown) => (error = reason));
        if (error === undefined) admitted = performance.now();
        await sleep(10);
      }
      expect(error).toBeInstanceOf(StoreUnavailableError);
      expect(admitted - frozenAt).toBeLessThan(1500 * patience());
      await expect(store.update(live)).rejects.toThrow(StoreUnavailableError);
      await expect(store.create(aRecord())).rejects.toThrow(StoreUnavailableError);
      expect(await store.admit(ended)).toBeUndefined();
      // A logout that nobody has heard of is not done, here neither.
      await expect(store.destroy(live.id)).rejects.toThrow(StoreUnavailableError);
      expect(list.isRevoked(live.id)).toBe(false);
    } finally {
      server.thaw();
    }
    const other = aRecord();
    const end = Date.now() + 20_000;
    while (!(await store.admit(other).catch(() => undefined)) && Date.now() < end) await sleep(50);
    expect(await store.admit(other)).toBeDefined();
    await store.destroy(live.id);
    expect(await store.admit(live)).toBeUndefined();
  });

  it('looks anew at once when it has not been heard for long, instead of refusing', async () => {
    const list = await MysqlRevocationList.open({ database: cluster, followMs: HOUR });
    lists.push(list);
    const other = await openList();
    await other.revoke('handle', until);
    await sleep(1100);
    expect(list.isRevoked('handle')).toBe(false);
    await list.ensureFresh();
    expect(list.isRevoked('handle')).toBe(true);
  });

  it('does not start when it cannot be read', async () => {
    const read = () => Promise.reject(new Error('on purpose'));
    const database = { read, readAll: read, write: read };
    await expect(MysqlRevocationList.open({ database })).rejects.toThrow(StoreUnavailableError);
  });
});
