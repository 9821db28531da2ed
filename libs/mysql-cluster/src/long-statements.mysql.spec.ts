// Work that declares a longer time for its statements, on three servers that all accept writes, one of which freezes.
import { afterAll, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { startDatabases, type Databases } from '@roam/local-stack';
import type { RowDataPacket } from 'mysql2';
import { setTimeout as sleep } from 'node:timers/promises';
import { DataSource } from 'typeorm';
import { MysqlCluster } from './index.js';
import { until } from './spec-support/until.js';

jest.setTimeout(90_000);

/** Far longer than the statements' usual time, which is three times the defaults for a shared machine. */
const LONG_MS = 20_000;
const SLEEP_S = 4;

let databases: Databases;
let cluster: MysqlCluster;
let source: DataSource;

beforeAll(async () => {
  databases = await startDatabases({ count: 3, topology: 'multi-primary' });
  cluster = await MysqlCluster.connect({ urls: databases.urls, readTimeoutMs: 900, writeTimeoutMs: 2400 });
  source = await new DataSource({ type: 'mysql', driver: cluster.typeormDriver() }).initialize();
  await cluster.write('CREATE TABLE counter (id VARCHAR(40) PRIMARY KEY, n BIGINT NOT NULL)', [], { everywhere: true });
  await cluster.write("INSERT INTO counter VALUES ('a', 0)", [], { everywhere: true });
});
beforeEach(() => until('all nodes online', () => cluster.nodes().every(({ state }) => state === 'online')));
afterAll(async () => {
  await source?.destroy();
  await cluster?.close();
  await databases?.stop();
});

const long = <T>(work: () => Promise<T>) => cluster.unlessFrozen(work, { statementTimeoutMs: LONG_MS });
const SLOW_READ = `SELECT SLEEP(${SLEEP_S}) AS woken`;
const SLOW_WRITE = `UPDATE counter SET n = n + 1 + SLEEP(${SLEEP_S}) WHERE id = 'a'`;

const ways: [string, () => Promise<unknown>][] = [
  ['read', () => cluster.read(SLOW_READ, [])],
  ['write', () => cluster.write(SLOW_WRITE, [])],
  ['transaction', () => cluster.transaction((tx) => tx.write(SLOW_WRITE))],
  ["TypeORM's read", () => source.query(SLOW_READ)],
  ["TypeORM's write", () => source.query(SLOW_WRITE)],
  ['one transaction', () => cluster.inOneTransaction(() => source.query(SLOW_WRITE))],
];

describe('a statement of long work', () => {
  it.each(ways)('%s: has its time, runs once, and speaks against no node', async (name, statement) => {
    const count = async () => {
      const [row] = await cluster.read<RowDataPacket & { n: number }>("SELECT n FROM counter WHERE id = 'a'", []);
      return row.n;
    };
    const before = await count();
    const { fenced, fallbacks, retries } = cluster.stats();
    // Others are written meanwhile, on every node.
    let isOver = false;
    const others = (async () => {
      for (let i = 0; !isOver; i++)
        await cluster.write('INSERT INTO counter VALUES (?, 0) ON DUPLICATE KEY UPDATE n = n + 1', [`b${i % 20}`], {
          key: `b${i % 20}`,
        });
    })();
    await long(statement).finally(() => (isOver = true));
    await others;
    expect((await count()) - before).toBe(name.endsWith('read') ? 0 : 1);
    expect(cluster.stats()).toMatchObject({ fenced, fallbacks, retries });
  });

  it('is cut without the long time', async () => {
    await expect(cluster.read(SLOW_READ, [])).rejects.toThrow('no MySQL node answered the read (limit 900 ms)');
  });

  const leave = async (statement: () => Promise<unknown>, afterMs: number) => {
    const home = databases.nodes.find(({ host, port }) => `${host}:${port}` === cluster.homeOf('common'))!;
    const frozen = sleep(afterMs).then(() => {
      home.freeze();
      return performance.now();
    });
    if (afterMs === 0) await frozen;
    await long(() => cluster.retrying(statement, { timeoutMs: LONG_MS }));
    expect(performance.now() - (await frozen)).toBeLessThan(LONG_MS / 2);
    home.thaw();
  };

  it.each(ways)('%s: leaves a node that freezes in its midst', (_name, statement) => leave(statement, 2000));

  it.each([ways[0], ways[4]])('%s: leaves a node that is frozen', (_name, statement) => leave(statement, 0));
});
