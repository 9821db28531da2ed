// The mysql store keeps the whole contract over three processes, on three real servers with every node writable.
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { startDatabases, type Databases } from '@roam/local-stack';
import { MysqlCluster } from '@roam/mysql-cluster';
import type { RowDataPacket } from 'mysql2';
import { StoreUnavailableError } from '../../core/errors.js';
import { aRecord, next } from '../../testing/a-record.js';
import { describeSessionStore, startStores, type StoreProcess } from '../../testing/index.js';
import { MysqlSessionStore } from './mysql-session-store.js';
import { newId } from '../../core/identity.js';
import { sessionTables } from './schema.js';

jest.setTimeout(60_000);

let databases: Databases;
let clusters: MysqlCluster[];
let stores: MysqlSessionStore[];
let processes: StoreProcess[];

beforeAll(async () => {
  databases = await startDatabases({ count: 3, topology: 'multi-primary' });
  // Nothing fails here: no node is to be left out because it had no processor for a moment.
  const patience = { readTimeoutMs: 2000, writeTimeoutMs: 4000, maxLagMs: 5000 };
  const connect = () => MysqlCluster.connect({ urls: databases.urls, ...patience });
  clusters = await Promise.all([connect(), connect()]);
  for (const statement of sessionTables) await clusters[0].write(statement, [], { everywhere: true });
  stores = clusters.map((cluster) => new MysqlSessionStore(cluster));
  const module = new URL('mysql-store.process.mjs', import.meta.url).href;
  const urls = [...databases.urls];
  processes = await startStores(module, [urls, urls, urls]);
}, 120_000);

afterAll(async () => {
  await Promise.all(processes?.map((each) => each.close()) ?? []);
  await Promise.all(clusters?.map((cluster) => cluster.close()) ?? []);
  await databases?.stop();
});

describeSessionStore('mysql, multi-primary, over three processes', async () => ({
  servers: processes.map(({ store }) => store),
}));

describe('mysql, multi-primary: what only real servers show', () => {
  it('spreads the sessions over the nodes, and both servers agree where each is', async () => {
    const homes = new Set<string>();
    const sql = 'SELECT @@server_uuid AS uuid';
    interface Uuid extends RowDataPacket {
      uuid: string;
    }
    for (let i = 0; i < 30; i++) {
      const { id } = aRecord();
      const [[here], [there]] = await Promise.all(clusters.map((cluster) => cluster.read<Uuid>(sql, [], { key: id })));
      expect(here.uuid).toBe(there.uuid);
      homes.add(here.uuid);
    }
    expect(homes.size).toBe(3);
  });

  it('refuses an ended session on every single node the moment the logout is acknowledged', async () => {
    for (let i = 0; i < 30; i++) {
      const record = aRecord();
      await stores[0].create(record);
      await stores[1].update(next(record), record);
      await stores[i % 2].destroy(record.id);
      interface Ended extends RowDataPacket {
        ended: number;
      }
      const sql = 'SELECT ended FROM sessions WHERE id = ?';
      const everywhere = await clusters[0].readAll<Ended>(sql, [Buffer.from(record.id, 'hex')]);
      expect(everywhere.map(([row]) => row?.ended)).toEqual([1, 1, 1]);
    }
  });

  describe('a session that somebody has seen, and no node has yet', () => {
    it('is out of reach, not absent, while it may be on its way', async () => {
      const { id } = aRecord();
      await expect(stores[0].find(id, '1')).rejects.toThrow(StoreUnavailableError);
      expect(await stores[0].find(id)).toBeUndefined();
      expect(await stores[0].find(newId(Date.now() - 3_600_000), '1')).toBeUndefined();
    });

    it('is not called ended when it cannot be changed', async () => {
      const record = aRecord();
      await expect(stores[0].update(next(record), record)).rejects.toThrow(StoreUnavailableError);
    });

    it('is ended when it arrives after its end', async () => {
      const record = aRecord();
      expect(await stores[0].destroy(record.id)).toEqual({ status: 'gone' });
      expect(await stores[1].create(record)).toEqual({ status: 'gone' });
      expect(await stores[1].find(record.id)).toBeUndefined();
    });

    it('is ended when it arrives in the midst of its end', async () => {
      const record = aRecord();
      const [cluster] = clusters;
      const write: typeof cluster.write = async (sql, ...rest) => {
        if (sql.startsWith('INSERT')) await stores[1].create(record);
        return cluster.write(sql, ...rest);
      };
      const store = new MysqlSessionStore({
        write,
        read: cluster.read.bind(cluster),
        readByKey: cluster.readByKey.bind(cluster),
        writeByKey: cluster.writeByKey.bind(cluster),
        readAll: cluster.readAll.bind(cluster),
        transaction: cluster.transaction.bind(cluster),
      });
      expect(await store.destroy(record.id)).toEqual({ status: 'done' });
      expect(await stores[1].find(record.id)).toBeUndefined();
    });
  });

  it('sweeps while sessions are written at full speed, on every node, by two servers at once (spring-session#1739)', async () => {
    const past = Date.now() - 20 * 3_600_000;
    const ended = Array.from({ length: 300 }, () => aRecord({ id: newId(past), idleEndsAt: past, endsAt: past }));
    await Promise.all(ended.map((record, i) => stores[i % 2].create(record)));
    let sweeping = true;
    let written = 0;
    const write = async (store: MysqlSessionStore) => {
      while (sweeping) {
        const record = aRecord();
        await store.create(record);
        expect(await store.update(next(record), record)).toEqual({ status: 'done' });
        await store.touch(record.id, record.idleEndsAt + 60_000);
        expect(await store.destroy(record.id)).toEqual({ status: 'done' });
        written += 1;
      }
    };
    const sweep = async (store: MysqlSessionStore) => {
      while ((await store.sweep(past + 1, 20)) > 0);
    };
    // A deadlock or a conflict that was given up would reject.
    const writers = [...stores, ...stores, ...stores, ...stores].map(write);
    await Promise.all(stores.map(sweep)).finally(() => (sweeping = false));
    await Promise.all(writers);
    expect(written).toBeGreaterThan(0);
    const left = 'SELECT id FROM sessions WHERE sweep_at <= ?';
    const end = Date.now() + 10_000;
    let rows: object[];
    // The node that is asked may not have swept it yet.
    do rows = await clusters[0].read(left, [past], { key: 'sweep' });
    while (rows.length > 0 && Date.now() < end);
    expect(rows).toEqual([]);
  });
});
