// The counts of mails over a group of MySQL servers that are all written to: no limit is exceeded on two at once.
import { afterAll, beforeAll, expect, it, jest } from '@jest/globals';
import { startDatabases, type Databases } from '@roam/local-stack';
import type { MysqlCluster } from '@roam/mysql-cluster';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { DataSource } from 'typeorm';
import { parseSettings } from '../config/parse-settings.js';
import { connectCluster } from '../database/connect.js';
import { dataSourceOptions } from '../database/data-source.js';
import { migrate } from '../database/migrate.js';
import { migrations } from '../features.js';
import { Transactions } from '../database/transactions.js';
import { MailCounts } from './mail-counts.js';

jest.setTimeout(60_000);

const logger = pino({ level: 'silent' });
const counts = new MailCounts();
let databases: Databases;
const clusters: MysqlCluster[] = [];
const sources: DataSource[] = [];
/** Of two web servers, each of which writes to a node of its own. */
const transactions: Transactions[] = [];

beforeAll(async () => {
  databases = await startDatabases({ count: 2, topology: 'multi-primary' });
  const config = (urls: readonly string[]) =>
    parseSettings({ DATABASE_URLS: urls.join(','), SESSION_SECRETS: 'Vt7mHq2zLw9sXc4bNk8rYp3eJd6fGa5u' });
  await migrate(config(databases.urls), logger, migrations);
  for (const url of databases.urls) {
    const cluster = await connectCluster(config([url]), logger);
    clusters.push(cluster);
    const source = await new DataSource(dataSourceOptions(cluster)).initialize();
    sources.push(source);
    transactions.push(new Transactions(source, cluster));
  }
}, 240_000);
afterAll(async () => {
  for (const source of sources) await source.destroy();
  for (const cluster of clusters) await cluster.close();
  await databases?.stop();
});

it('a limit is not exceeded by mails at the same moment on two nodes', async () => {
  const two = ['race:a', 'race:b'].map((name) => ({ name, limit: 3, forMs: 60_000 }));
  let runs = 0;
  const take = (i: number) =>
    transactions[i % 2].run(async (manager) => {
      runs += 1;
      const reached = await counts.take(i % 4 < 2 ? two : two.toReversed(), manager);
      await sleep(50);
      return reached;
    });
  const taken = await Promise.allSettled(Array.from({ length: 6 }, (_, i) => take(i)));
  const sent = taken.filter((one) => one.status === 'fulfilled' && one.value === undefined);
  // Those that had no chance to run again are errors, and send nothing.
  expect(sent.length).toBeGreaterThan(0);
  expect(sent.length).toBeLessThanOrEqual(3);
  expect(runs).toBeGreaterThanOrEqual(6);
  const left = await transactions[0].run((manager) => counts.of('race:a', manager));
  expect(left).toBeGreaterThanOrEqual(sent.length);
});

it('is not counted where the change fails, and begins anew when its period is over', async () => {
  const one = { name: 'rolled-back', limit: 1, forMs: 300 };
  const failing = transactions[0].run(async (manager) => {
    expect(await counts.take([one], manager)).toBeUndefined();
    throw new Error('rolled back');
  });
  await expect(failing).rejects.toThrow('rolled back');
  const take = () => transactions[0].run((manager) => counts.take([one], manager));
  expect([await take(), await take()]).toEqual([undefined, one]);
  await sleep(400);
  expect(await take()).toBeUndefined();
});

it('is spread over rows where many share an address, so that no commit waits for another one', async () => {
  const shared = { name: 'shared', limit: 1_001, forMs: 60_000, rows: 8 };
  for (let i = 0; i < 40; i += 1) await transactions[0].run((manager) => counts.take([shared], manager));
  const rows = await clusters[0].read("SELECT name FROM throttles WHERE name LIKE 'shared%'", []);
  expect(rows.length).toBeGreaterThan(1);
  const reached = await transactions[0].run((manager) => counts.take([{ ...shared, limit: 40 }], manager));
  expect(reached).toMatchObject({ name: 'shared' });
});
