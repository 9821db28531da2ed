// A multi-primary group of real servers: forms, loses nodes, takes them back, survives a power cut of all.
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import mysql, { type RowDataPacket } from 'mysql2/promise';
import { formGroup } from '@roam/mysql-cluster/group';
import { startDatabases } from './databases.js';
import type { Database, Databases } from './types.js';

jest.setTimeout(180_000);

let databases: Databases;
const said: string[] = [];

async function ask<T extends object>(url: string, sql: string): Promise<T[]> {
  const connection = await mysql.createConnection(url);
  try {
    const [rows] = await connection.query<(RowDataPacket & T)[]>(sql);
    return rows;
  } finally {
    connection.destroy();
  }
}

async function until(what: string, done: () => boolean | Promise<boolean>): Promise<void> {
  for (let i = 0; i < 1200; i++) {
    if (await done()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`Not seen within 60 s: ${what}. Said:\n${said.join('\n')}`);
}

const node = (index: number): Database => {
  const found = databases.nodes[index];
  if (!found) throw new Error(`No node ${index}`);
  return found;
};
const write = (to: Database, id: number) => ask(to.url, `INSERT INTO t VALUES (${id})`);
const ids = async (of: Database) =>
  (await ask<{ id: number }>(of.url, 'SELECT id FROM t ORDER BY id')).map(({ id }) => id);
const arrived = (id: number) =>
  until(`row ${id} everywhere`, async () =>
    (await Promise.all(databases.nodes.map(async (one) => (await ids(one)).includes(id)))).every(Boolean),
  );

beforeAll(async () => {
  databases = await startDatabases({
    count: 3,
    topology: 'multi-primary',
    kept: false,
    onProgress: (line) => said.push(line),
  });
  await ask(node(0).url, 'CREATE TABLE t (id INT PRIMARY KEY)');
  await until('the table everywhere', async () =>
    (await Promise.all(databases.nodes.map((one) => ask(one.url, "SHOW TABLES LIKE 't'")))).every(
      (rows) => rows.length === 1,
    ),
  );
});
afterAll(() => databases.stop());

describe('a multi-primary group', () => {
  it('takes writes on every node and shows them on all', async () => {
    for (const [index, one] of databases.nodes.entries()) {
      expect(await one.role()).toBe('primary');
      await write(one, index + 1);
    }
    for (const id of [1, 2, 3]) await arrived(id);
  });

  it('gives the app its database and a look at the state, nothing else', async () => {
    const { url } = node(1);
    await expect(ask(url, 'CREATE DATABASE other')).rejects.toThrow(/denied/);
    await expect(ask(url, 'SELECT * FROM mysql.user')).rejects.toThrow(/denied/);
    expect(await ask(url, 'SELECT * FROM performance_schema.replication_group_members')).toHaveLength(3);
    await ask(url, "SET SESSION session_track_gtids = 'OWN_GTID'");
    await ask(url, 'SELECT WAIT_FOR_EXECUTED_GTID_SET(@@GLOBAL.gtid_executed, 1)');
    const [row] = await ask<{ bind: string; isolation: string }>(
      url,
      'SELECT @@GLOBAL.bind_address AS bind, @@GLOBAL.transaction_isolation AS isolation',
    );
    expect(row).toEqual({ bind: '127.0.0.1', isolation: 'READ-COMMITTED' });
    const allowed = await ask(node(1).adminUrl, 'SELECT @@GLOBAL.group_replication_ip_allowlist AS hosts');
    expect(allowed).toEqual([{ hosts: '127.0.0.1' }]);
  });

  it('takes a killed node back, with what was written meanwhile', async () => {
    await node(2).kill();
    expect(node(2).pid).toBeNull();
    await write(node(0), 10);
    const { port } = node(2);
    await node(2).start();
    expect(node(2).port).toBe(port);
    expect(await node(2).role()).toBe('primary');
    await arrived(10);
  });

  it('takes a killed node back where the others do not yet look for it in vain', async () => {
    const groupAddress = async () =>
      (await ask<{ value: string }>(node(2).adminUrl, 'SELECT @@GLOBAL.group_replication_local_address AS value'))[0]
        ?.value;
    const addresses = [await groupAddress()];
    for (let i = 0; i < 2; i++) {
      await node(2).kill();
      await node(2).start();
      addresses.push(await groupAddress());
    }
    expect(new Set(addresses).size).toBe(3);
  });

  it('starts again after a power cut of all, on a node that has everything, and only when all have answered', async () => {
    // The node that would come first if it were not for its data.
    const uuids = await Promise.all(
      databases.nodes.map((one) => ask<{ uuid: string }>(one.url, 'SELECT @@server_uuid AS uuid')),
    );
    const [behind, ahead, other] = [...databases.nodes]
      .map((one, index) => ({ one, uuid: uuids[index]?.[0]?.uuid ?? '' }))
      .sort((a, b) => (a.uuid < b.uuid ? -1 : 1))
      .map(({ one }) => one) as [Database, Database, Database];
    await behind.kill();
    await write(ahead, 20);
    await until('row 20 on the other', async () => (await ids(other)).includes(20));
    await Promise.all([ahead.kill(), other.kill()]);

    said.length = 0;
    const two = [behind.start(), ahead.start()];
    await until(`a message that names ${other.name}`, () =>
      said.some((line) => line.includes(`${other.name} does not answer`)),
    );
    // Both are up by now, and outside of a group: nobody may write to them.
    for (const one of [behind, ahead]) {
      await until(`${one.name} answers`, () =>
        one.role().then(
          () => true,
          () => false,
        ),
      );
      expect(await one.role()).toBe('replica');
      await expect(write(one, 666)).rejects.toThrow(/read-only/);
    }
    expect(said.filter((line) => line.includes('starting the group'))).toEqual([]);

    await Promise.all([...two, other.start()]);
    expect(said.filter((line) => line.includes('starting the group'))).not.toContain(
      `${behind.name}: starting the group`,
    );
    for (const one of databases.nodes) expect(await one.role()).toBe('primary');
    await arrived(20);
    expect(await ids(behind)).toEqual([1, 2, 3, 10, 20]);
  });

  it('clones a node that is far behind, which restarts by itself', async () => {
    const { username: user, password } = new URL(node(2).adminUrl);
    const admin = { user, password };
    const pid = node(2).pid;
    // Refused while the START of the restart before is still ending.
    await until('the node leaves', () =>
      ask(node(2).adminUrl, 'STOP GROUP_REPLICATION').then(
        () => true,
        () => false,
      ),
    );
    await ask(node(2).adminUrl, 'SET GLOBAL group_replication_clone_threshold = 1');
    for (const id of [30, 31, 32]) await write(node(0), id);
    await formGroup({
      nodes: databases.nodes,
      admin,
      accounts: { replication: admin },
      log: (line) => said.push(line),
    });
    expect(await ids(node(2))).toEqual(expect.arrayContaining([30, 31, 32]));
    expect(node(2).pid).not.toBe(pid);
  });
});
