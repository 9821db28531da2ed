// Transactions over a real MySQL server: what they repeat, and what then remains.
import { afterAll, beforeAll, beforeEach, expect, it, jest } from '@jest/globals';
import { startDatabases, type Databases } from '@roam/local-stack';
import { MysqlCluster } from '@roam/mysql-cluster';
import { randomUUID } from 'node:crypto';
import { Column, DataSource, Entity, PrimaryColumn, type EntityManager } from 'typeorm';
import { until } from '../testing/time.js';
import { dataSourceOptions } from './data-source.js';
import { Transactions } from './transactions.js';

jest.setTimeout(60_000);

@Entity('stock')
class Stock {
  @PrimaryColumn({ type: 'varchar', length: 36 })
  item!: string;

  @Column({ type: 'int' })
  left!: number;
}

let databases: Databases;
let cluster: MysqlCluster;
let source: DataSource;
let transactions: Transactions;
/** Called after each commit that has changed something, before its answer arrives. */
let onCommit: () => void;
const commitLost = () => {
  throw Object.assign(new Error('the connection was lost'), { code: 'PROTOCOL_CONNECTION_LOST', fatal: true });
};

beforeAll(async () => {
  databases = await startDatabases({ count: 1, topology: 'single' });
  cluster = await MysqlCluster.connect({ urls: databases.urls, writeTimeoutMs: 5_000 });
  source = await new DataSource(dataSourceOptions(cluster, { entities: [Stock] })).initialize();
  await source.synchronize();
  source.subscribers.push({ afterTransactionCommit: () => onCommit() });
  transactions = new Transactions(source, cluster);
}, 180_000);
afterAll(async () => {
  await source?.destroy();
  await cluster?.close();
  await databases?.stop();
});
beforeEach(async () => {
  onCommit = () => undefined;
  await source.manager.deleteAll(Stock);
  await source.manager.insert(Stock, [
    { item: 'apple', left: 5 },
    { item: 'pear', left: 5 },
  ]);
});

const take = (manager: EntityManager, item: string) => manager.decrement(Stock, { item }, 'left', 1);
const left = async () => (await source.manager.find(Stock, { order: { item: 'ASC' } })).map((stock) => stock.left);

it('runs a transaction again that a deadlock has rolled back', async () => {
  let runs = 0;
  let inside = 0;
  const takeBoth = (first: string, second: string) =>
    transactions.run(async (manager) => {
      runs += 1;
      await take(manager, first);
      inside += 1;
      await until(() => inside >= 2);
      await take(manager, second);
    });
  await Promise.all([takeBoth('apple', 'pear'), takeBoth('pear', 'apple')]);
  expect(runs).toBe(3);
  expect(await left()).toEqual([3, 3]);
});

it('runs a transaction again whose connection is lost, and its first part counts once', async () => {
  let runs = 0;
  await transactions.run(async (manager) => {
    await take(manager, 'apple');
    if (++runs === 1) {
      const [{ id }] = await manager.query<{ id: number }[]>('SELECT CONNECTION_ID() AS id');
      await cluster.write(`KILL ${id}`, []);
    }
    await take(manager, 'pear');
  });
  expect(runs).toBe(2);
  expect(await left()).toEqual([4, 4]);
});

it('keeps one row of one id when the answer to the commit is lost, and saves it again', async () => {
  const item = randomUUID();
  let runs = 0;
  onCommit = () => void (runs === 1 && commitLost());
  await transactions.run((manager) => {
    runs += 1;
    return manager.save(Stock, { item, left: 7 });
  });
  expect(runs).toBe(2);
  expect(await source.manager.countBy(Stock, { item })).toBe(1);
});

it('passes on the error of the work, runs once, and leaves nothing', async () => {
  let runs = 0;
  const failing = transactions.run(async (manager) => {
    runs += 1;
    await take(manager, 'apple');
    throw new TypeError('not today');
  });
  await expect(failing).rejects.toThrow('not today');
  expect(runs).toBe(1);
  expect(await left()).toEqual([5, 5]);
});

it('repeats one statement, and makes it a part of the transaction whose manager it is given', async () => {
  const save = () => transactions.statement((manager) => manager.save(Stock, { item: 'fig', left: 1 }));
  onCommit = () => {
    onCommit = () => undefined;
    commitLost();
  };
  await save();
  const failing = transactions.run(async (manager) => {
    await transactions.statement((part) => take(part, 'fig'), manager);
    throw new TypeError('not today');
  });
  await expect(failing).rejects.toThrow('not today');
  expect(await left()).toEqual([5, 1, 5]);
});
