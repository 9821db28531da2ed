// The other topologies on real servers: who takes writes, who copies, and what a restart brings back.
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import mysql, { type RowDataPacket } from 'mysql2/promise';
import { startDatabases } from './databases.js';
import type { Database, Databases, Topology } from './types.js';

jest.setTimeout(120_000);

let databases: Databases | undefined;
afterEach(() => databases?.stop());

async function begin(topology: Topology, count: number): Promise<[Database, ...Database[]]> {
  databases = await startDatabases({ topology, count });
  return [...databases.nodes] as [Database, ...Database[]];
}

async function run(url: string, sql: string): Promise<RowDataPacket[]> {
  const connection = await mysql.createConnection(url);
  try {
    const [rows] = await connection.query<RowDataPacket[]>(sql);
    return rows;
  } finally {
    connection.destroy();
  }
}

async function untilSeen(nodes: readonly Database[], rows: number): Promise<void> {
  for (const node of nodes)
    for (let i = 0; ; i++) {
      const found = await run(node.url, 'SELECT * FROM t').catch(() => []);
      if (found.length === rows) break;
      if (i > 400) throw new Error(`${node.name} has ${found.length} rows, not ${rows}`);
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
}

const roles = (nodes: readonly Database[]) => Promise.all(nodes.map((node) => node.role()));

describe('single-primary', () => {
  it('has one node that takes writes', async () => {
    const nodes = await begin('single-primary', 3);
    expect((await roles(nodes)).sort()).toEqual(['primary', 'replica', 'replica']);
    const [primary] = nodes.filter((_node, index) => index === 0);
    if (!primary) throw new Error('no primary');
    const writers: Database[] = [];
    for (const node of nodes) if ((await node.role()) === 'primary') writers.push(node);
    const [writer] = writers as [Database];
    await run(writer.url, 'CREATE TABLE t (id INT PRIMARY KEY)');
    await run(writer.url, 'INSERT INTO t VALUES (1)');
    await untilSeen(nodes, 1);
    const secondary = nodes.find((node) => node !== writer);
    await expect(run(secondary?.url ?? '', 'INSERT INTO t VALUES (2)')).rejects.toThrow(/read-only/);
  });
});

describe('replicas', () => {
  it('copy the source, refuse writes, and go on after restarts of both sides', async () => {
    const [source, replica, other] = (await begin('replicas', 3)) as [Database, Database, Database];
    expect(await roles([source, replica, other])).toEqual(['primary', 'replica', 'replica']);
    await run(source.url, 'CREATE TABLE t (id INT PRIMARY KEY)');
    await run(source.url, 'INSERT INTO t VALUES (1)');
    await untilSeen([replica, other], 1);
    await expect(run(replica.url, 'INSERT INTO t VALUES (2)')).rejects.toThrow(/read-only/);

    await replica.kill();
    await run(source.url, 'INSERT INTO t VALUES (2)');
    await replica.start();
    await untilSeen([replica], 2);
    expect(await replica.role()).toBe('replica');

    await source.kill();
    await source.start();
    expect(await source.role()).toBe('primary');
    await run(source.url, 'INSERT INTO t VALUES (3)');
    await untilSeen([replica, other], 3);
  });
});

describe('single', () => {
  it('is one server that takes writes, also after a restart; durable when asked for', async () => {
    databases = await startDatabases({ topology: 'single', count: 1, durable: true });
    const [only] = databases.nodes as [Database];
    await run(only.url, 'CREATE TABLE t (id INT PRIMARY KEY)');
    await only.stop();
    await only.start();
    expect(await only.role()).toBe('primary');
    await run(only.url, 'INSERT INTO t VALUES (1)');
    const [row] = await run(only.adminUrl, 'SELECT @@sync_binlog AS log, @@innodb_flush_log_at_trx_commit AS redo');
    expect(row).toEqual({ log: 1, redo: 1 });
  });

  it('is refused with more than one database', async () => {
    await expect(startDatabases({ topology: 'single', count: 3 })).rejects.toThrow('has one MySQL server, not 3');
  });
});
