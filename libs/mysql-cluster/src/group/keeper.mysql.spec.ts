// The keeper on real servers: makes accounts, forms the group, fences what is outside of it, brings back what left.
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { startDatabases, type Database, type Databases } from '@roam/local-stack';
import mysql, { type RowDataPacket } from 'mysql2/promise';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { formGroup, keepGroup } from './form.js';
import { GroupKeeper, GroupTimeoutError, type GroupOptions } from './keeper.js';

jest.setTimeout(180_000);

let databases: Databases;
let options: GroupOptions;
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

async function until(what: string, done: () => Promise<boolean>): Promise<void> {
  for (let i = 0; i < 1200; i++) {
    if (await done().catch(() => false)) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`Not seen within 60 s: ${what}. Said:\n${said.join('\n')}`);
}

const node = (index: number): Database => {
  const found = databases.nodes[index];
  if (!found) throw new Error(`No node ${index}`);
  return found;
};
const leave = (one: Database) =>
  until(`${one.name} leaves`, () => ask(one.adminUrl, 'STOP GROUP_REPLICATION').then(() => true));
const state = async (one: Database) => {
  const rows = await ask<{ state: string }>(
    one.adminUrl,
    'SELECT MEMBER_STATE AS state FROM performance_schema.replication_group_members WHERE MEMBER_ID = @@server_uuid',
  );
  return rows[0]?.state ?? 'OFFLINE';
};
const groupAddress = async (one: Database) =>
  (await ask<{ value: string }>(one.adminUrl, 'SELECT @@GLOBAL.group_replication_local_address AS value'))[0]?.value;
const isReadOnly = async (one: Database) =>
  (await ask<{ value: number }>(one.adminUrl, 'SELECT @@GLOBAL.super_read_only AS value'))[0]?.value === 1;

const allLeave = async () => {
  await Promise.all(databases.nodes.map(leave));
};

/** A way to a node that lets one connection through, and others only when it has been opened. */
async function doorOf({ name, host, port }: Database) {
  let open!: () => void;
  const opened = new Promise<void>((resolve) => (open = resolve));
  let knocks = 0;
  const sockets: Socket[] = [];
  const server = createServer((client) => {
    const isFirst = ++knocks === 1;
    sockets.push(client.on('error', () => undefined));
    void (isFirst ? Promise.resolve() : opened).then(() => {
      const upstream = connect(port, host).on('error', () => undefined);
      sockets.push(upstream);
      client.pipe(upstream).pipe(client);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    node: { name, host: '127.0.0.1', port: (server.address() as AddressInfo).port },
    isKnockedAt: () => knocks > 1,
    open,
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

beforeAll(async () => {
  databases = await startDatabases({ count: 3, topology: 'multi-primary', kept: false });
  const { username: user, password } = new URL(node(0).adminUrl);
  options = {
    nodes: databases.nodes,
    admin: { user, password },
    accounts: {
      replication: { user: 'copier', password: 'a copier' },
      app: { user: 'second', password: "it's a second", database: 'second_db' },
    },
    createAccounts: true,
    log: (line) => said.push(line),
  };
  for (const one of databases.nodes) await leave(one);
});
afterAll(() => databases.stop());

describe('the keeper of a group', () => {
  it('waits, and says for whom, while one node does not answer; nobody is writable meanwhile', async () => {
    await ask(node(0).adminUrl, 'SET GLOBAL super_read_only = OFF');
    node(2).freeze();
    const forming = formGroup({ ...options, answerTimeoutMs: 500, timeoutMs: 4000 });
    await expect(forming).rejects.toThrow(GroupTimeoutError);
    await expect(forming).rejects.toThrow('mysql3 does not answer');
    for (const one of [node(0), node(1)]) {
      expect(await state(one)).toBe('OFFLINE');
      expect(await isReadOnly(one)).toBe(true);
    }
    node(2).thaw();
  });

  it('makes the accounts on every node and forms the group', async () => {
    await formGroup(options);
    for (const one of databases.nodes) {
      expect(await state(one)).toBe('ONLINE');
      expect(await isReadOnly(one)).toBe(false);
      const url = `mysql://second:${encodeURIComponent("it's a second")}@${one.host}:${one.port}/second_db`;
      await ask(url, `CREATE TABLE of_${one.name} (id INT PRIMARY KEY)`);
    }
    // Made outside of the binary log: no transaction is anybody's own.
    await expect(formGroup({ ...options, timeoutMs: 5000 })).resolves.toBeUndefined();
  });

  it('brings back a node that left, and starts the group again after all had left, until it is told to stop', async () => {
    const stop = new AbortController();
    const keeping = keepGroup({ ...options, signal: stop.signal, intervalMs: 200 });
    const before = await groupAddress(node(1));
    await leave(node(1));
    await until('mysql2 is back', async () => (await state(node(1))) === 'ONLINE');
    expect(await groupAddress(node(1))).not.toBe(before);
    await Promise.all(databases.nodes.map((one) => ask(one.adminUrl, 'STOP GROUP_REPLICATION').catch(() => undefined)));
    await until('all are back', async () =>
      (await Promise.all(databases.nodes.map(state))).every((one) => one === 'ONLINE'),
    );
    const [members] = await Promise.all(
      databases.nodes.map((one) => ask(one.adminUrl, 'SELECT * FROM performance_schema.replication_group_members')),
    );
    expect(members).toHaveLength(3);
    stop.abort();
    await keeping;
  });

  it('starts the group once where two keepers do at the same time', async () => {
    await allLeave();
    const before = said.length;
    const keepers = [1, 2].map(() => new GroupKeeper({ ...options, createAccounts: false }));
    await Promise.all(keepers.map((keeper) => keeper.round()));
    await Promise.all(keepers.map((keeper) => keeper.settled()));
    expect(said.slice(before).filter((line) => line.endsWith('starting the group'))).toHaveLength(1);
    await formGroup(options);
  });

  it.each([
    ['stops no member', false],
    ['starts no second group', true],
  ])('by an older look it %s', async (_what, hasLeft) => {
    await allLeave();
    const doors = await Promise.all(databases.nodes.map(doorOf));
    const late = new GroupKeeper({ ...options, createAccounts: false, nodes: doors.map((door) => door.node) });
    try {
      await late.round();
      await formGroup(options);
      const starter = node(doors.findIndex(({ isKnockedAt }) => isKnockedAt()));
      if (hasLeft) await leave(starter);
      for (const door of doors) door.open();
      await late.settled();
      const others = databases.nodes.filter((one) => one !== starter);
      expect(await Promise.all(others.map(state))).toEqual(['ONLINE', 'ONLINE']);
      expect(await state(starter)).toBe(hasLeft ? 'OFFLINE' : 'ONLINE');
    } finally {
      for (const door of doors) door.close();
    }
    await formGroup(options);
  });

  it('takes back a node that was frozen so long that the others let go of it', async () => {
    const stop = new AbortController();
    const keeping = keepGroup({ ...options, signal: stop.signal, intervalMs: 200 });
    const members = async () =>
      (
        await ask<{ state: string }>(
          node(0).adminUrl,
          'SELECT MEMBER_STATE AS state FROM performance_schema.replication_group_members',
        )
      ).map(({ state }) => state);
    // Both ports in turn, so that also a member is found that has moved before.
    for (const victim of [node(1), node(2), node(1)]) {
      victim.freeze();
      await until(`${victim.name} is let go of`, async () => (await members()).length === 2);
      const before = await groupAddress(node(0));
      victim.thaw();
      await until('all are ONLINE', async () => (await members()).join() === 'ONLINE,ONLINE,ONLINE');
      expect(await groupAddress(node(0))).toBe(before);
    }
    stop.abort();
    await keeping;
  });

  it('does not take back a node that has a transaction of its own', async () => {
    await leave(node(2));
    await ask(node(2).adminUrl, 'SET GLOBAL super_read_only = OFF');
    await ask(node(2).adminUrl, 'CREATE DATABASE errant');
    await expect(formGroup({ ...options, createAccounts: false, timeoutMs: 3000 })).rejects.toThrow(
      'mysql3 has transactions that the group lacks',
    );
    expect(await state(node(2))).toBe('OFFLINE');
    expect(await isReadOnly(node(2))).toBe(true);
  });
});
