// One transaction for all that TypeORM does: over a real server, with repositories as an app uses them.
import { afterAll, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { startDatabases, type Databases } from '@roam/local-stack';
import type { RowDataPacket } from 'mysql2';
import { createConnection, type Connection } from 'mysql2/promise';
import { setTimeout as sleep } from 'node:timers/promises';
import { DataSource, EntitySchema, type Repository } from 'typeorm';
import { ClusterUnavailableError, MysqlCluster, TransactionError } from './index.js';
import { lossyProxy, type Loss, type LossyProxy } from './spec-support/lossy-proxy.js';
import { until } from './spec-support/until.js';

jest.setTimeout(90_000);

interface Order {
  id: number;
  item: string;
}
const orders = new EntitySchema<Order>({
  name: 'orders',
  columns: {
    id: { type: 'int', primary: true, generated: true },
    item: { type: 'varchar', length: 100, unique: true },
  },
});

let databases: Databases;
let cluster: MysqlCluster;
let source: DataSource;
let repository: Repository<Order>;
let direct: Connection;
let proxy: LossyProxy;
const loss: Loss = { marker: undefined, lost: 0 };

beforeAll(async () => {
  databases = await startDatabases({ count: 1, topology: 'single' });
  proxy = await lossyProxy(databases.urls[0], loss);
  cluster = await MysqlCluster.connect({ urls: [proxy.url], readTimeoutMs: 900, writeTimeoutMs: 2400 });
  source = await new DataSource({
    type: 'mysql',
    driver: cluster.typeormDriver(),
    entities: [orders],
    synchronize: true,
  }).initialize();
  repository = source.getRepository(orders);
  direct = await createConnection(databases.urls[0]);
});
beforeEach(() => direct.query('DELETE FROM orders'));
afterAll(async () => {
  await source?.destroy();
  await cluster?.close();
  await proxy?.close();
  await direct?.end();
  await databases?.stop();
});

/** What others see. */
const items = async () => {
  const [rows] = await direct.query<(RowDataPacket & Order)[]>('SELECT item FROM orders ORDER BY item');
  return rows.map(({ item }) => item);
};
const save = (item: string) => repository.save({ item });
/** The connection that runs the caller's statement. */
const connectionId = async () => {
  const [row] = await source.query<{ id: number }[]>('SELECT CONNECTION_ID() AS id');
  return row.id;
};
const kill = async (id: number) => void (await direct.query(`KILL ${id}`));

describe('one transaction', () => {
  it('shows nothing to others before its end, and everything afterwards', async () => {
    const result = await cluster.inOneTransaction(async () => {
      await save('a');
      await source.transaction((manager) => manager.save(orders, { item: 'b' }));
      await source.query("INSERT INTO orders (item) VALUES ('c')");
      expect(await items()).toEqual([]);
      expect(await repository.count()).toBe(3);
      return 'done';
    });
    expect(result).toBe('done');
    expect(await items()).toEqual(['a', 'b', 'c']);
  });

  it('undoes everything when the work rejects, and passes its error on', async () => {
    const failing = cluster.inOneTransaction(async () => {
      await save('a');
      throw new RangeError('no');
    });
    await expect(failing).rejects.toThrow(RangeError);
    expect(await items()).toEqual([]);
  });

  it('runs parallel statements one after the other on its connection', async () => {
    await cluster.inOneTransaction(async () => {
      const ids = await Promise.all([connectionId(), connectionId(), save('a').then(connectionId), connectionId()]);
      expect(new Set(ids).size).toBe(1);
      await Promise.all(['b', 'c', 'd'].map(save));
    });
    expect(await items()).toEqual(['a', 'b', 'c', 'd']);
  });

  it('gives each of the parallel statements a deadline of its own', async () => {
    const startedAt = performance.now();
    const parallel = cluster.inOneTransaction(
      () => Promise.all([source.query('SELECT 1'), source.query('SELECT SLEEP(16)')]),
      { timeoutMs: 16_000 },
    );
    await expect(parallel).rejects.toThrow('no answer from MySQL within');
    expect(performance.now() - startedAt).toBeLessThan(8_000);
    await until('online again', () => cluster.nodes()[0].state === 'online');
  });

  it('keeps two transactions at once apart', async () => {
    const one = (item: string) =>
      cluster.inOneTransaction(async () => {
        await save(item);
        await sleep(50);
        return connectionId();
      });
    const [first, second] = await Promise.all([one('a'), one('b')]);
    expect(first).not.toBe(second);
    expect(await items()).toEqual(['a', 'b']);
  });

  it('undoes only the part that failed, so that its error can be caught', async () => {
    await cluster.inOneTransaction(async () => {
      await save('a');
      const both = source.transaction(async (manager) => {
        await manager.save(orders, { item: 'b' });
        await manager.save(orders, { item: 'a' });
      });
      await expect(both).rejects.toMatchObject({ errno: 1062 });
      await save('c');
    });
    expect(await items()).toEqual(['a', 'c']);
  });

  it('refuses to commit when a part was rolled back after another part had begun', async () => {
    const mixed = cluster.inOneTransaction(async () => {
      const part = source.transaction(async (manager) => {
        await manager.save(orders, { item: 'a' });
        await save('b');
        throw new RangeError('only this part');
      });
      await part.catch(() => undefined);
    });
    await expect(mixed).rejects.toThrow('a part of the transaction was rolled back after another part had begun');
    expect(await items()).toEqual([]);
  });

  it('never commits the rest after a lost connection, though the work hides that', async () => {
    const hidden = cluster.inOneTransaction(async () => {
      await save('a');
      await kill(await connectionId());
      await save('b').catch(() => undefined);
      await save('c').catch(() => undefined);
    });
    await expect(hidden).rejects.toThrow(ClusterUnavailableError);
    expect(await items()).toEqual([]);
  });

  it('never commits the rest after a deadlock, though the work hides that', async () => {
    await direct.query("INSERT INTO orders (item) VALUES ('x'), ('y')");
    let locks = 0;
    const lock = (item: string) => source.query('UPDATE orders SET item = item WHERE item = ?', [item]);
    const touch = (own: number, [first, second]: string[]) =>
      cluster.inOneTransaction(async () => {
        await save(`effect of ${own}`);
        await lock(first);
        locks++;
        await until('both have a lock', () => locks === 2);
        await lock(second).catch(() => undefined);
      });
    const ended = await Promise.allSettled([touch(0, ['x', 'y']), touch(1, ['y', 'x'])]);
    expect(ended.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(ended.find(({ status }) => status === 'rejected')).toMatchObject({
      reason: { code: 'cluster_unavailable', outcomeUnknown: false },
    });
    expect(await items()).toHaveLength(3);
  });

  it('says when the outcome of its commit is unknown', async () => {
    const committing = cluster.inOneTransaction(async () => {
      await save('a');
      // The whole statement: a new connection asks for READ-COMMITTED.
      loss.marker = /COMMIT$/;
    });
    await expect(committing).rejects.toMatchObject({ code: 'cluster_unavailable', outcomeUnknown: true });
    expect(loss.lost).toBe(1);
    expect(await items()).toEqual(['a']);
  });

  it('finds another connection when the one that it takes has died', async () => {
    await kill(await connectionId());
    await cluster.inOneTransaction(() => save('a'));
    expect(await items()).toEqual(['a']);
  });

  it('runs the work once, also inside retrying', async () => {
    let runs = 0;
    const failing = cluster.inOneTransaction(() =>
      cluster.retrying(async () => {
        runs++;
        await source.query("SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = 1213");
      }),
    );
    await expect(failing).rejects.toMatchObject({ code: 'cluster_unavailable' });
    expect(runs).toBe(1);
  });

  it('is a part of the transaction around it', async () => {
    const outer = cluster.inOneTransaction(async () => {
      await cluster.inOneTransaction(() => save('a'));
      await cluster
        .inOneTransaction(async () => {
          await save('b');
          throw new RangeError('no');
        })
        .catch(() => undefined);
    });
    await expect(outer).rejects.toThrow('a part of the transaction has failed');
    expect(await items()).toEqual([]);
  });

  it('ends at its time, and does not blame the node', async () => {
    const startedAt = performance.now();
    const slow = cluster.inOneTransaction(
      async () => {
        await save('a');
        await sleep(600);
        await save('b').catch(() => undefined);
      },
      { timeoutMs: 300 },
    );
    await expect(slow).rejects.toThrow('the transaction did not end within 300 ms');
    await expect(cluster.inOneTransaction(() => source.query('SELECT SLEEP(9)'), { timeoutMs: 300 })).rejects.toThrow(
      'the transaction did not end within 300 ms',
    );
    expect(performance.now() - startedAt).toBeLessThan(8_000);
    expect(await items()).toEqual([]);
    expect(cluster.nodes()).toMatchObject([{ state: 'online' }]);
  });

  it('is ended by MySQL when its process stands still, and its locks with it', async () => {
    const idle = async () => {
      const [{ seconds }] = await source.query<{ seconds: number }[]>('SELECT @@SESSION.wait_timeout AS seconds');
      return Number(seconds);
    };
    const usual = await idle();
    expect(await cluster.inOneTransaction(idle, { timeoutMs: 1_500 })).toBe(2);
    expect(new Set(await Promise.all(Array.from({ length: 10 }, idle)))).toEqual(new Set([usual]));
  });

  it('is given up when this process was frozen meanwhile', async () => {
    const frozen = cluster.inOneTransaction(async () => {
      await save('a');
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2100);
      await save('b').catch(() => undefined);
    });
    await expect(frozen).rejects.toMatchObject({ code: 'cluster_unavailable' });
    await until('online again', () => cluster.nodes()[0].state === 'online');
    expect(await items()).toEqual([]);
  });

  it('does not let what it leaves behind reach any connection', async () => {
    let later: Promise<unknown> = Promise.resolve();
    const runner = source.createQueryRunner();
    await cluster.inOneTransaction(async () => {
      await runner.query('SELECT 1');
      later = sleep(50).then(() => save('late'));
    });
    await expect(later).rejects.toThrow(TransactionError);
    await expect(runner.query('SELECT 1')).rejects.toThrow('the transaction is over');
    await runner.release();
    const halfDone = cluster.inOneTransaction(async () => {
      later = source.transaction(async (manager) => {
        await manager.save(orders, { item: 'half' });
        await sleep(100);
      });
      later.catch(() => undefined);
      await sleep(50);
    });
    await expect(halfDone).rejects.toThrow('the work has ended before a transaction inside it');
    expect(await items()).toEqual([]);
  });

  it('refuses what commits by itself, and streams', async () => {
    const table = cluster.inOneTransaction(() => source.query('CREATE TABLE other (id INT)'));
    await expect(table).rejects.toThrow('a statement has committed the transaction before its end');
    const stream = cluster.inOneTransaction(() => repository.createQueryBuilder().stream());
    await expect(stream).rejects.toThrow('one transaction cannot stream rows');
  });

  it('leaves the connections in order for those that come next', async () => {
    await cluster.inOneTransaction(() => save('a'));
    await cluster.inOneTransaction(() => Promise.reject(new Error('no'))).catch(() => undefined);
    await save('b');
    expect(await items()).toEqual(['a', 'b']);
  });
});
