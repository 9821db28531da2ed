// Open streams of servers on real MySQL nodes: what a look costs, and what a node that freezes does to it.
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { startDatabases, type Databases } from '@roam/local-stack';
import { MysqlCluster } from '@roam/mysql-cluster';
import { setTimeout as sleep } from 'node:timers/promises';
import { StoreUnavailableError } from '../../core/errors.js';
import { newId } from '../../core/identity.js';
import { aRecord, HOUR } from '../../testing/a-record.js';
import { MysqlSessionStore } from './mysql-session-store.js';
import { sessionTables } from './schema.js';

jest.setTimeout(60_000);

let databases: Databases;
let clusters: MysqlCluster[];
let here: MysqlSessionStore;
let there: MysqlSessionStore;

beforeAll(async () => {
  databases = await startDatabases({ count: 3, topology: 'multi-primary' });
  const connect = () => MysqlCluster.connect({ urls: databases.urls, readTimeoutMs: 2000, writeTimeoutMs: 4000 });
  clusters = await Promise.all([connect(), connect()]);
  for (const statement of sessionTables) await clusters[0].write(statement, [], { everywhere: true });
  [here, there] = clusters.map((cluster) => new MysqlSessionStore(cluster));
}, 120_000);

afterAll(async () => {
  await Promise.all(clusters?.map((cluster) => cluster.close()) ?? []);
  await databases?.stop();
});

async function create(count: number): Promise<string[]> {
  const records = Array.from({ length: count }, () => aRecord());
  await Promise.all(records.map((record) => there.create(record)));
  return records.map(({ id }) => id);
}
const allOnline = async () => {
  const isOnline = () => clusters.every((each) => each.nodes().every(({ state }) => state === 'online'));
  while (!isOnline()) await sleep(20);
};
const endedIn = (lives: Awaited<ReturnType<MysqlSessionStore['livesOf']>>) =>
  [...lives].filter(([, life]) => !life).map(([id]) => id);

describe('the lives of many sessions in MySQL', () => {
  it('are told of 500 by one statement for all, and an end as soon as it is acknowledged', async () => {
    const ids = await create(500);
    const [readAll, read] = [jest.spyOn(clusters[0], 'readAll'), jest.spyOn(clusters[0], 'read')];
    expect(endedIn(await here.livesOf(ids))).toEqual([]);
    await there.destroy(ids[7]);
    const lives = await here.livesOf(ids);
    expect([lives.size, endedIn(lives)]).toEqual([500, [ids[7]]]);
    expect([readAll.mock.calls.length, read.mock.calls.length]).toEqual([2, 0]);
    jest.restoreAllMocks();
  });

  it('leave out a session that may be on its way, and tell the end of one that would have arrived', async () => {
    const [young, old] = [newId(Date.now()), newId(Date.now() - HOUR)];
    expect([...(await here.livesOf([young, old]))]).toEqual([[old, undefined]]);
  });

  it('go on while a node is frozen, with no living session ended, and when it is back', async () => {
    const ids = await create(50);
    databases.nodes[0].freeze();
    try {
      await there.destroy(ids[3]);
      const lives = await here.livesOf(ids);
      expect([lives.size, endedIn(lives)]).toEqual([50, [ids[3]]]);
    } finally {
      databases.nodes[0].thaw();
    }
    await allOnline();
    expect(endedIn(await here.livesOf(ids))).toEqual([ids[3]]);
  });

  it('are not told while no node answers, and are as soon as they can be', async () => {
    const ids = await create(5);
    for (const node of databases.nodes) node.freeze();
    try {
      await expect(here.livesOf(ids)).rejects.toThrow(StoreUnavailableError);
    } finally {
      for (const node of databases.nodes) node.thaw();
    }
    await allOnline();
    await there.destroy(ids[0]);
    expect(endedIn(await here.livesOf(ids))).toEqual([ids[0]]);
  });
});
