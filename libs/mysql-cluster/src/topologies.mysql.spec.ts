// The other topologies on real servers: one writable node, found and followed.
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { startDatabases, type Database, type Databases, type Topology } from '@roam/local-stack';
import type { RowDataPacket } from 'mysql2';
import { createConnection } from 'mysql2/promise';
import { setTimeout as sleep } from 'node:timers/promises';
import { DeadlineClock } from './deadline-clock.js';
import { ClusterUnavailableError, MysqlCluster } from './index.js';
import { until } from './spec-support/until.js';

jest.setTimeout(90_000);

interface Row extends RowDataPacket {
  readonly n: number;
}

const patience = { readTimeoutMs: 900, writeTimeoutMs: 2400 };

function withCluster(topology: Topology, count: number) {
  const context = {} as { databases: Databases; cluster: MysqlCluster };
  beforeAll(async () => {
    context.databases = await startDatabases({ count, topology });
    context.cluster = await MysqlCluster.connect({ urls: context.databases.urls, ...patience });
    await context.cluster.write('CREATE TABLE item (id VARCHAR(40) PRIMARY KEY, n BIGINT NOT NULL)', []);
  });
  afterAll(async () => {
    await context.cluster?.close();
    await context.databases?.stop();
  });
  return context;
}

/** Writes and reads back at once, under many keys. */
async function writeAndRead(cluster: MysqlCluster, prefix: string): Promise<void> {
  for (let i = 0; i < 30; i++) {
    const key = `${prefix}-${i}`;
    const { affectedRows } = await cluster.write('INSERT INTO item VALUES (?, ?)', [key, i], { key, everywhere: true });
    expect(affectedRows).toBe(1);
    expect(await cluster.read<Row>('SELECT n FROM item WHERE id = ?', [key], { key })).toEqual([{ n: i }]);
  }
}

const statusOf = (cluster: MysqlCluster, { host, port }: Database) =>
  cluster.nodes().find(({ name }) => name === `${host}:${port}`)!;

async function run(database: Database, sql: string): Promise<void> {
  const admin = await createConnection(database.adminUrl);
  await admin.query(sql);
  await admin.end();
}

describe('a group with a single primary', () => {
  const context = withCluster('single-primary', 3);

  it('is written and read at its primary, and follows when the primary is killed', async () => {
    const { cluster, databases } = context;
    await writeAndRead(cluster, 'before');
    const primary = databases.nodes.find((node) => statusOf(cluster, node).role === 'primary');
    expect(
      cluster
        .nodes()
        .map(({ writable }) => writable)
        .filter(Boolean),
    ).toHaveLength(1);
    await primary!.kill();
    const killed = statusOf(cluster, primary!).name;
    await until('another primary is found', () =>
      cluster.nodes().some(({ name, state, writable }) => name !== killed && state === 'online' && writable),
    );
    await writeAndRead(cluster, 'after');
    expect(await cluster.read('SELECT n FROM item WHERE id = ?', ['before-7'])).toEqual([{ n: 7 }]);
  });
});

describe('a source with replicas', () => {
  const context = withCluster('replicas', 2);

  it('never reads a late replica when the source dies, before it has applied what it has received', async () => {
    const { cluster, databases } = context;
    const source = databases.nodes.find((node) => statusOf(cluster, node).writable)!;
    const replica = databases.nodes.find((node) => node !== source)!;
    await until('the replica is seen', () => statusOf(cluster, replica).state === 'online');
    await run(replica, 'STOP REPLICA SQL_THREAD');
    await cluster.write('INSERT INTO item VALUES (?, 1)', ['ahead']);
    await until('the lag is seen', () => statusOf(cluster, replica).state === 'fenced');
    await source.kill();
    await until('its end is seen', () => statusOf(cluster, source).state === 'down');
    await sleep(500);
    expect(statusOf(cluster, replica)).toMatchObject({
      state: 'fenced',
      reason: 'it is catching up with the other nodes',
    });
    await run(replica, 'START REPLICA SQL_THREAD');
    await until('the replica has caught up', () => statusOf(cluster, replica).state === 'online');
    expect(await cluster.read('SELECT n FROM item WHERE id = ?', ['ahead'])).toEqual([{ n: 1 }]);
    await source.start();
    await until('the source is back', () => statusOf(cluster, source).writable);
  });

  it('never reads a late replica, and follows a change of roles', async () => {
    const { cluster, databases } = context;
    const source = databases.nodes.find((node) => statusOf(cluster, node).writable)!;
    const replica = databases.nodes.find((node) => node !== source)!;
    await until('the replica is seen', () => statusOf(cluster, replica).state === 'online');
    expect(statusOf(cluster, replica)).toMatchObject({ role: 'replica', writable: false });
    await run(replica, 'STOP REPLICA SQL_THREAD');
    await writeAndRead(cluster, 'late');
    await until('the lag is seen', () => (statusOf(cluster, replica).lagMs ?? 0) > 500);
    expect(statusOf(cluster, replica)).toMatchObject({ state: 'fenced', role: 'replica' });
    expect(statusOf(cluster, source).state).toBe('online');
    await run(replica, 'START REPLICA SQL_THREAD');
    await until('the replica has caught up', () => statusOf(cluster, replica).state === 'online');

    await run(source, 'SET GLOBAL super_read_only = ON');
    await run(replica, 'STOP REPLICA');
    await run(replica, 'SET GLOBAL super_read_only = OFF');
    await run(replica, 'SET GLOBAL read_only = OFF');
    await until('the change is seen', () => statusOf(cluster, replica).writable);
    await writeAndRead(cluster, 'promoted');
    expect(statusOf(cluster, source).role).toBe('replica');

    // The operator forgets that there is a new source: the old one stays out.
    await run(source, 'SET GLOBAL super_read_only = OFF');
    await run(source, 'SET GLOBAL read_only = OFF');
    await until('the fork is seen', () => statusOf(cluster, source).writable);
    // Where this process stood still just then, all nodes are looked at anew first.
    await until('it is known why it stays out', () => {
      expect(statusOf(cluster, source).state).toBe('fenced');
      return /read_only/.test(statusOf(cluster, source).reason ?? '');
    });
    await writeAndRead(cluster, 'still');
    await source.kill();
    await until('its end is seen', () => statusOf(cluster, source).state === 'down');
    await writeAndRead(cluster, 'alone');
  });
});

describe('a single server', () => {
  const context = withCluster('single', 1);
  /** A cluster of which a second node never answers. */
  const besideNobody = () => {
    const [url] = context.databases.urls;
    const nobody = new URL(url);
    nobody.port = '1';
    return MysqlCluster.connect({ urls: [url, nobody.href], ...patience });
  };

  it('is used as it is, and again as soon as it is back', async () => {
    const { cluster, databases } = context;
    const [server] = databases.nodes;
    await writeAndRead(cluster, 'one');
    await server.kill();
    await expect(cluster.read('SELECT 1', [])).rejects.toBeInstanceOf(ClusterUnavailableError);
    await expect(cluster.write('DELETE FROM item', [])).rejects.toThrow(/ECONNREFUSED|connection/i);
    expect(statusOf(cluster, server)).toMatchObject({ state: 'down', role: undefined, writable: false });
    await server.start();
    await until('it takes writes', () => statusOf(cluster, server).writable);
    await writeAndRead(cluster, 'again');
  });

  it('is waited for when it is slow, but only for a moment when it refuses to be asked', async () => {
    const { databases } = context;
    const [server] = databases.nodes;
    const readTimeoutMs = 3_000;
    const cluster = await MysqlCluster.connect({ urls: databases.urls, ...patience, readTimeoutMs });
    const failsAfter = async () => {
      const begun = performance.now();
      await expect(cluster.read('SELECT 1', [])).rejects.toBeInstanceOf(ClusterUnavailableError);
      return performance.now() - begun;
    };
    try {
      await server.kill();
      expect(await failsAfter()).toBeLessThan(0.9 * readTimeoutMs);
      expect(cluster.isOut).toBe(true);
      await server.start();
      await until('it is back', () => !cluster.isOut);
      server.freeze();
      expect(await failsAfter()).toBeGreaterThan(0.9 * readTimeoutMs);
    } finally {
      server.thaw();
      await cluster.close();
    }
    await until('it takes writes', () => statusOf(context.cluster, server).writable);
  });

  it('back from an outage, gives up writes sooner until all nodes are back', async () => {
    const [server] = context.databases.nodes;
    const cluster = await besideNobody();
    try {
      await cluster.write('INSERT INTO item VALUES (?, ?)', ['held', 0]);
      /** Writes what another connection holds: for longer than a sixth of a write's time, and not for as long as all of it. */
      const writeHeld = async () => {
        const holder = await createConnection(server.url);
        await holder.beginTransaction();
        await holder.query("UPDATE item SET n = -1 WHERE id = 'held'");
        const write = cluster.write('UPDATE item SET n = n + 1 WHERE id = ?', ['held']);
        await Promise.race([write.catch(() => undefined), sleep(0.6 * patience.writeTimeoutMs)]);
        await holder.end();
        return write;
      };
      expect(await writeHeld()).toMatchObject({ affectedRows: 1 });
      expect(cluster.isRecovering).toBe(false);
      await server.kill();
      await until('it is down', () => statusOf(cluster, server).state === 'down');
      await expect(cluster.read('SELECT 1', [])).rejects.toBeInstanceOf(ClusterUnavailableError);
      await server.start();
      await until('it is online', () => statusOf(cluster, server).state === 'online');
      expect(cluster.isRecovering).toBe(true);
      await expect(writeHeld()).rejects.toBeInstanceOf(ClusterUnavailableError);
    } finally {
      await cluster.close();
    }
  });

  it('is not taken to be back from an outage where this process itself stood still', async () => {
    const [server] = context.databases.nodes;
    const cluster = await besideNobody();
    try {
      server.freeze();
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1_000);
      await until('there has been no node for a while', () => cluster.isOut);
      server.thaw();
      await until('it is online', () => statusOf(cluster, server).state === 'online');
      expect(cluster.isRecovering).toBe(false);
    } finally {
      server.thaw();
      await cluster.close();
    }
  });

  it('frozen: reads and writes fail in time, and it is used again when it thaws', async () => {
    const { cluster, databases } = context;
    const [server] = databases.nodes;
    await until('it is online', () => statusOf(cluster, server).state === 'online');
    server.freeze();
    // A busy machine takes its time to stop all threads.
    await until('the freeze is noticed', () => statusOf(cluster, server).state === 'fenced');
    // As the cluster's own clock, this one leaves out for how long this process stands still.
    const clock = new DeadlineClock(Infinity, () => undefined);
    for (const [statement, limit] of [
      [() => cluster.read('SELECT 1', []), patience.readTimeoutMs],
      [() => cluster.write('DELETE FROM item WHERE id = 0', []), patience.writeTimeoutMs],
    ] as const) {
      const startedAt = clock.now();
      await expect(statement()).rejects.toBeInstanceOf(ClusterUnavailableError);
      expect(clock.now() - startedAt).toBeLessThan(limit + 300);
    }
    clock.close();
    server.thaw();
    await until('it is online', () => statusOf(cluster, server).state === 'online');
    await writeAndRead(cluster, 'thawed');
  });

  it('a wrong password or database is told at once as the reason, and in the error when the time is up', async () => {
    const { databases } = context;
    const [url] = databases.urls;
    const wrong = (change: (url: URL) => void) => {
      const changed = new URL(url);
      change(changed);
      const lines: string[] = [];
      const log = (_level: string, message: string) => void lines.push(message);
      const connecting = MysqlCluster.connect({ urls: [changed.href], startTimeoutMs: 5000, log });
      return { connecting, lines };
    };
    const password = wrong((each) => (each.password = 'secret-but-wrong'));
    const database = wrong((each) => (each.pathname = '/nowhere'));
    await Promise.all([
      expect(password.connecting).rejects.toThrow(/Access denied for user/),
      expect(database.connecting).rejects.toThrow(/Access denied for user|Unknown database/),
    ]);
    expect(password.lines.join('\n')).toMatch(/waiting for MySQL at .*Access denied/);
    expect(password.lines.join('\n')).not.toContain('secret-but-wrong');
  });
});
