// TypeORM over the cluster: three real servers that all accept writes, one of which freezes or dies.
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { startDatabases, type Databases } from '@roam/local-stack';
import { createConnection } from 'mysql2/promise';
import { setTimeout as sleep } from 'node:timers/promises';
import { DataSource, EntitySchema } from 'typeorm';
import { MysqlCluster } from './index.js';
import { until } from './spec-support/until.js';

jest.setTimeout(90_000);

// Three times the defaults: on a shared machine three servers and their client may have to wait for a processor.
const patience = { readTimeoutMs: 900, writeTimeoutMs: 2400 };

let databases: Databases;
let cluster: MysqlCluster;

beforeAll(async () => {
  databases = await startDatabases({ count: 3, topology: 'multi-primary' });
  cluster = await MysqlCluster.connect({ urls: databases.urls, ...patience });
});
afterAll(async () => {
  await cluster?.close();
  await databases?.stop();
});

const allOnline = () => until('all nodes online', () => cluster.nodes().every(({ state }) => state === 'online'));
/** The node that TypeORM's statements go to. */
const commonNode = () => databases.nodes.find(({ host, port }) => `${host}:${port}` === cluster.homeOf('common'))!;

describe('TypeORM over the cluster', () => {
  interface Account {
    id: number;
    email: string;
    logins: number;
  }
  const accounts = new EntitySchema<Account>({
    name: 'account',
    columns: {
      id: { type: 'int', primary: true, generated: true },
      email: { type: 'varchar', length: 100, unique: true },
      logins: { type: 'int', default: 0 },
    },
  });

  it('a statement that waited for a lock has no effect when its sender has long given up', async () => {
    await allOnline();
    const source = new DataSource({ type: 'mysql', driver: cluster.typeormDriver({ statementTimeoutMs: 500 }) });
    await source.initialize();
    await source.query('CREATE TABLE item (id VARCHAR(40) PRIMARY KEY, n BIGINT NOT NULL)');
    await cluster.write("INSERT INTO item VALUES ('locked', 1)", [], { everywhere: true });
    const holder = await createConnection(commonNode().url);
    await holder.beginTransaction();
    await holder.query("SELECT n FROM item WHERE id = 'locked' FOR UPDATE");
    await expect(source.query("UPDATE item SET n = 9 WHERE id = 'locked'")).rejects.toThrow(
      'no answer from MySQL within',
    );
    // MySQL looks once a second for those that have waited for too long.
    await sleep(2500);
    await holder.end();
    await sleep(500);
    expect(await cluster.read('SELECT n FROM item WHERE id = ?', ['locked'])).toEqual([{ n: 1 }]);
    await source.destroy();
  });

  it('commits one of two transactions that conflict on two nodes, and calls the other one unavailable', async () => {
    await allOnline();
    const alone = await Promise.all(
      databases.urls.slice(0, 2).map((url) => MysqlCluster.connect({ urls: [url], ...patience })),
    );
    const sources = await Promise.all(
      alone.map((each) => new DataSource({ type: 'mysql', driver: each.typeormDriver() }).initialize()),
    );
    await cluster.write('CREATE TABLE claim (id VARCHAR(40) PRIMARY KEY, node INT)', [], { everywhere: true });
    let inserted = 0;
    const claim = (node: number) =>
      alone[node].inOneTransaction(async () => {
        await sources[node].query("INSERT INTO claim VALUES ('one', ?)", [node]);
        inserted++;
        await until('both have inserted', () => inserted === 2);
      });
    const ended = await Promise.allSettled([claim(0), claim(1)]);
    expect(ended.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(ended.find(({ status }) => status === 'rejected')).toMatchObject({
      reason: { code: 'cluster_unavailable' },
    });
    await until('the row is everywhere', async () => (await cluster.read('SELECT * FROM claim', [])).length === 1);
    await Promise.all(sources.map((source) => source.destroy()));
    await Promise.all(alone.map((each) => each.close()));
  });

  it('leaves a node that alone does not commit, in a long time too', async () => {
    await allOnline();
    const source = await new DataSource({ type: 'mysql', driver: cluster.typeormDriver() }).initialize();
    await source.query('CREATE TABLE kept (id VARCHAR(40) PRIMARY KEY)');
    await cluster.write("INSERT INTO kept VALUES ('first')", [], { everywhere: true });
    const admin = await createConnection(commonNode().adminUrl);
    let isOver = false;
    // Others commit meanwhile, which shows that the group does not wait as a whole.
    const others = (async () => {
      for (let n = 0; !isOver; n++)
        await cluster.write('INSERT INTO kept VALUES (?)', [`other ${n}`], { key: `${n}` }).catch(() => undefined);
    })();
    let runs = 0;
    const work = async () => {
      await source.query("INSERT INTO kept VALUES ('kept')");
      if (++runs === 1) await admin.query('FLUSH TABLES WITH READ LOCK');
    };
    const transaction = () => cluster.inOneTransaction(work, { timeoutMs: 20_000 });
    const startedAt = performance.now();
    await cluster.unlessFrozen(() => cluster.retrying(transaction, { timeoutMs: 20_000 }), {
      statementTimeoutMs: 20_000,
    });
    expect(performance.now() - startedAt).toBeLessThan(10_000);
    expect(runs).toBe(2);
    isOver = true;
    await others;
    await admin.query('UNLOCK TABLES');
    await admin.end();
    await source.destroy();
  });

  it('creates, queries, runs transactions, and survives the death of its node', async () => {
    await allOnline();
    const source = new DataSource({
      type: 'mysql',
      driver: cluster.typeormDriver(),
      entities: [accounts],
      synchronize: true,
    });
    await source.initialize();
    const repository = source.getRepository(accounts);
    await repository.save({ email: 'ann@example.org', logins: 0 });
    const login = () =>
      cluster.retrying(() =>
        source.transaction(async (manager) => {
          const account = await manager.findOneByOrFail(accounts, { email: 'ann@example.org' });
          await manager.update(accounts, account.id, { logins: account.logins + 1 });
        }),
      );
    await login();
    await expect(repository.save({ email: 'ann@example.org', logins: 0 })).rejects.toMatchObject({ errno: 1062 });

    // Frozen, it takes the statement and never answers.
    const frozen = commonNode();
    frozen.freeze();
    const startedAt = performance.now();
    await cluster.retrying(() => repository.findOneByOrFail({ email: 'ann@example.org' }));
    expect(performance.now() - startedAt).toBeLessThan(patience.writeTimeoutMs);
    frozen.thaw();
    await allOnline();

    const victim = commonNode();
    await victim.kill();
    await login();
    const { logins } = await cluster.retrying(() => repository.findOneByOrFail({ email: 'ann@example.org' }));
    expect(logins).toBe(2);
    expect(commonNode()).not.toBe(victim);
    await source.destroy();
  });
});
