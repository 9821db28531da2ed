// A node that was cut off the others still answers its clients: with nobody writing elsewhere, only its group can tell.
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { canIsolate, startDatabases, type Databases } from '@roam/local-stack';
import { DataSource } from 'typeorm';
import { MysqlCluster } from './index.js';
import { until } from './spec-support/until.js';

jest.setTimeout(120_000);

/** Three times the usual: on a shared machine three servers and their client may have to wait for a processor. */
const patience = { readTimeoutMs: 900, writeTimeoutMs: 5_000 };

const isolation = canIsolate();
if (isolation !== undefined) process.stderr.write(`SKIPPED: a node that is cut off its group. ${isolation}\n`);

(isolation === undefined ? describe : describe.skip)('a node that is cut off its group', () => {
  let databases: Databases;
  let cluster: MysqlCluster;
  let source: DataSource;
  const logged: string[] = [];
  const log = (_level: string, message: string) => void logged.push(message);
  beforeAll(async () => {
    databases = await startDatabases({ count: 3, topology: 'multi-primary', isolated: true });
    cluster = await MysqlCluster.connect({ urls: databases.urls, ...patience, log });
    source = await new DataSource({ type: 'mysql', driver: cluster.typeormDriver() }).initialize();
    await source.query('CREATE TABLE kept (id VARCHAR(40) PRIMARY KEY)');
    await cluster.write("INSERT INTO kept VALUES ('first')", [], { everywhere: true });
  });
  afterAll(async () => {
    await source?.destroy();
    await cluster?.close();
    await databases?.stop();
  });

  const nameOf = ({ host, port }: Databases['nodes'][number]) => `${host}:${port}`;
  const statusOf = (name: string) => cluster.nodes().find((node) => node.name === name);

  it('is left for another one by what waits for its commit, and used again when it agrees with its group', async () => {
    await until('all nodes online', () => cluster.nodes().every(({ state }) => state === 'online'));
    // All that goes through TypeORM has one home.
    const home = databases.nodes.find((node) => nameOf(node) === cluster.homeOf('common'))!;
    let runs = 0;
    logged.length = 0;
    const work = async () => {
      await source.query("INSERT INTO kept VALUES ('kept')");
      if (++runs === 1) await home.cut();
    };
    const transaction = () => cluster.inOneTransaction(work, { timeoutMs: 20_000 });
    await cluster.unlessFrozen(() => cluster.retrying(transaction, { timeoutMs: 20_000 }), {
      statementTimeoutMs: 20_000,
    });
    expect(runs).toBe(2);
    expect(statusOf(nameOf(home))?.state).not.toBe('online');
    // The node itself sees only after five seconds that it has no majority: it was left for a reason that came before.
    const reasons = logged.filter((message) => message.includes(nameOf(home)));
    expect(reasons[0]).not.toContain('majority');
    await home.heal();
    await until('all nodes online', () => cluster.nodes().every(({ state }) => state === 'online'));
    expect(await cluster.readAll('SELECT id FROM kept WHERE id = ?', ['kept'])).toEqual(
      Array(3).fill([{ id: 'kept' }]),
    );
  });
});
