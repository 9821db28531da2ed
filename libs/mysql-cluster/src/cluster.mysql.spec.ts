// The cluster over three real servers that all accept writes: homes, conflicts, lost answers, lag.
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { startDatabases, type Database, type Databases } from '@roam/local-stack';
import type { RowDataPacket } from 'mysql2';
import { createConnection, type Connection } from 'mysql2/promise';
import { setTimeout as sleep } from 'node:timers/promises';
import { DeadlineClock } from './deadline-clock.js';
import { ClusterUnavailableError, MysqlCluster } from './index.js';
import { lossyProxy, type Loss } from './spec-support/lossy-proxy.js';
import { until } from './spec-support/until.js';

jest.setTimeout(90_000);

interface Row extends RowDataPacket {
  readonly id: string;
  readonly n: number;
}
interface Uuid extends RowDataPacket {
  readonly uuid: string;
}

// Three times the defaults: on a shared machine three servers and their client may have to wait for a processor.
const patience = { readTimeoutMs: 900, writeTimeoutMs: 2400 };

let databases: Databases;
let cluster: MysqlCluster;
let admins: Connection[];

beforeAll(async () => {
  databases = await startDatabases({ count: 3, topology: 'multi-primary' });
  cluster = await MysqlCluster.connect({ urls: databases.urls, ...patience });
  admins = await Promise.all(databases.nodes.map(adminOf));
  await cluster.write('CREATE TABLE item (id VARCHAR(40) PRIMARY KEY, n BIGINT NOT NULL)', [], { everywhere: true });
  await cluster.write('CREATE TABLE other (id VARCHAR(40) PRIMARY KEY)', [], { everywhere: true });
});
afterAll(async () => {
  await Promise.all(admins?.map((admin) => admin.end()) ?? []);
  await cluster?.close();
  await databases?.stop();
});

/** Its server may be killed: without a listener the error ends the process. */
async function adminOf({ adminUrl }: Database): Promise<Connection> {
  const admin = await createConnection(adminUrl);
  return admin.on('error', () => undefined);
}
const nameOf = ({ host, port }: Database) => `${host}:${port}`;
const statusOf = (database: Database) => cluster.nodes().find(({ name }) => name === nameOf(database))!;
const allOnline = (on = cluster) =>
  until('all nodes online', () => on.nodes().every(({ state }) => state === 'online'));
const homeOf = async (key: string, through = cluster) =>
  (await through.read<Uuid>('SELECT @@server_uuid AS uuid', [], { key }))[0]?.uuid;
/** A key whose home is that node. */
async function keyAt(database: Database): Promise<string> {
  for (let i = 0; ; i++) if ((await homeOf(`key-${i}`)) === statusOf(database).uuid) return `key-${i}`;
}
const insert = (id: string, everywhere = false, through = cluster) =>
  through.write('INSERT INTO item VALUES (?, 1)', [id], { key: id, everywhere });
const valuesOf = async (id: string) =>
  Promise.all(
    admins.map(async (admin) => (await admin.query<Row[]>('SELECT n FROM item WHERE id = ?', [id]))[0][0]?.n),
  );

describe('homes', () => {
  /** Nothing fails here: it leaves no node out that had no processor for a moment. */
  let calm: MysqlCluster;
  const patiently = { readTimeoutMs: 5000, writeTimeoutMs: 10_000, maxLagMs: 5000 };
  beforeAll(async () => {
    calm = await MysqlCluster.connect({ urls: databases.urls, ...patiently });
    await allOnline(calm);
  });
  afterAll(() => calm?.close());

  it('are the same for every cluster, whatever the order of the urls, and use every node', async () => {
    const urls = [...databases.urls].reverse();
    const second = await MysqlCluster.connect({ urls, ...patiently });
    await allOnline(second);
    const homes = new Set<string | undefined>();
    for (let i = 0; i < 40; i++) {
      const home = await homeOf(`session-${i}`, calm);
      expect(await homeOf(`session-${i}`, second)).toBe(home);
      expect(calm.nodes().find(({ name }) => name === calm.homeOf(`session-${i}`))?.uuid).toBe(home);
      homes.add(home);
    }
    expect(homes.size).toBe(3);
    await second.close();
  });

  it('a write is read back at once, and what was written everywhere is on every node at return', async () => {
    for (let i = 0; i < 50; i++) {
      const id = `everywhere-${i}`;
      expect(await insert(id, true, calm)).toEqual({ affectedRows: 1, repeated: false });
      expect(await valuesOf(id)).toEqual([1, 1, 1]);
    }
    // Also when there is nothing left to change: another may just have done it.
    await calm.write('UPDATE item SET n = 2 WHERE id = ?', ['everywhere-0'], { key: 'everywhere-0' });
    await calm.write('UPDATE item SET n = 2 WHERE id = ?', ['everywhere-0'], { key: 'x', everywhere: true });
    expect(await valuesOf('everywhere-0')).toEqual([2, 2, 2]);
  });

  it('readAll brings the rows of every node', async () => {
    await insert('all', true, calm);
    const rows = await calm.readAll<Row>('SELECT id, n FROM item WHERE id = ?', ['all']);
    expect(rows).toEqual(Array(3).fill([{ id: 'all', n: 1 }]));
  });

  it('an unacceptable answer is looked for on the other nodes, then given as it is', async () => {
    await insert('mark', true, calm);
    const options = { key: 'mark', acceptable: ([row]: readonly Row[]) => (row?.n ?? 0) >= 2, rounds: 2 };
    expect(await calm.read<Row>('SELECT n FROM item WHERE id = ?', ['mark'], options)).toEqual([{ n: 1 }]);
    const soon = calm.read<Row>('SELECT n FROM item WHERE id = ?', ['mark'], { ...options, rounds: 200 });
    await calm.write('UPDATE item SET n = 2 WHERE id = ?', ['mark'], { key: 'elsewhere' });
    expect(await soon).toEqual([{ n: 2 }]);
  });

  it('errors of the statement are passed on as they are, and say nothing about the node', async () => {
    await insert('twice', false, calm);
    await expect(insert('twice', false, calm)).rejects.toMatchObject({ code: 'ER_DUP_ENTRY', errno: 1062 });
    await expect(calm.read('SELECT nonsense', [])).rejects.toMatchObject({ code: 'ER_BAD_FIELD_ERROR' });
    expect(calm.nodes().map(({ state }) => state)).toEqual(['online', 'online', 'online']);
  });
});

describe('conflicts', () => {
  it('two nodes that change one row at once: each change counts once', async () => {
    await insert('hot', true);
    const apart = await Promise.all(
      databases.urls
        .slice(0, 2)
        .map((url) => MysqlCluster.connect({ urls: [url], ...patience, writeTimeoutMs: 10_000 })),
    );
    const raise = async (through: MysqlCluster) => {
      for (let i = 0; i < 40; i++) {
        const { affectedRows } = await through.write('UPDATE item SET n = n + 1 WHERE id = ?', ['hot']);
        expect(affectedRows).toBe(1);
      }
    };
    const hasConflicted = () => apart.some((each) => each.stats().retries > 0);
    let rounds = 0;
    // On a busy machine the two may take turns for a while.
    while (!hasConflicted() && rounds < 25) {
      await Promise.all(apart.map(raise));
      rounds++;
    }
    const raised = 1 + rounds * 80;
    await until('all nodes agree', async () => (await valuesOf('hot')).every((n) => n === raised), 10_000);
    expect(hasConflicted()).toBe(true);
    await Promise.all(apart.map((each) => each.close()));
  });

  it('transactions that conflict are run again as a whole', async () => {
    await insert('sum', true);
    const apart = await Promise.all(databases.urls.map((url) => MysqlCluster.connect({ urls: [url], ...patience })));
    const raise = (through: MysqlCluster) =>
      through.transaction(
        async (tx) => {
          const [row] = await tx.read<Row>('SELECT n FROM item WHERE id = ? FOR UPDATE', ['sum']);
          await tx.write('UPDATE item SET n = ? WHERE id = ?', [row.n + 1, 'sum']);
        },
        { timeoutMs: 20_000, attempts: 100 },
      );
    await Promise.all(
      apart.map(async (each) => {
        for (let i = 0; i < 10; i++) await raise(each);
      }),
    );
    await until('all nodes agree', async () => (await valuesOf('sum')).every((n) => n === 31), 10_000);
    await Promise.all(apart.map((each) => each.close()));
  });

  it('a transaction whose work fails leaves nothing behind', async () => {
    await expect(
      cluster.transaction(async (tx) => {
        await tx.write('INSERT INTO item VALUES (?, 1)', ['rolled-back']);
        throw new Error('on second thought');
      }),
    ).rejects.toThrow('on second thought');
    expect(await cluster.read('SELECT * FROM item WHERE id = ?', ['rolled-back'])).toEqual([]);
  });

  it('a transaction runs where its key is at home, and is on every node at return where that was asked for', async () => {
    for (const database of databases.nodes) {
      const key = await keyAt(database);
      const id = `transaction-at-${database.name}`;
      const [home] = await cluster.transaction(
        async (tx) => {
          await tx.write('INSERT INTO item VALUES (?, 1)', [id]);
          return tx.read<Uuid>('SELECT @@server_uuid AS uuid');
        },
        { key, everywhere: true },
      );
      expect(await valuesOf(id)).toEqual([1, 1, 1]);
      expect(home.uuid).toBe(statusOf(database).uuid);
    }
  });

  it('a transaction whose node alone takes no writes is run again on another one', async () => {
    const [stuck, other] = databases.nodes;
    const [key, elsewhere] = [await keyAt(stuck), await keyAt(other)];
    const [admin] = admins;
    await admin.query('FLUSH TABLES WITH READ LOCK');
    let isOver = false;
    const others = (async () => {
      for (let i = 0; !isOver; i++)
        await cluster.write('INSERT INTO item VALUES (?, 1)', [`beside-${i}`], { key: elsewhere });
    })();
    try {
      await cluster.transaction((tx) => tx.write('INSERT INTO item VALUES (?, 1)', ['not-stuck']), { key });
      // The node that is asked may not have it yet.
      let found: object[] = [];
      const hasArrived = async () =>
        (found = await cluster.read('SELECT n FROM item WHERE id = ?', ['not-stuck'])).length > 0;
      await until('the row has arrived', hasArrived);
      expect(found).toEqual([{ n: 1 }]);
    } finally {
      isOver = true;
      await admin.query('UNLOCK TABLES');
      await others;
      await allOnline();
    }
  });
});

describe('a standstill of this process', () => {
  it('is the end of all work during which it came, in each of its parts, and of no other', async () => {
    const freezable = await MysqlCluster.connect({ urls: databases.urls, ...patience, frozenMs: 2000 });
    try {
      const late = (part: () => Promise<unknown>) =>
        freezable.unlessFrozen(async () => {
          await freezable.write('UPDATE item SET n = n + 1 WHERE id = ?', ['before']);
          Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2100);
          return part().catch((error: unknown) => error);
        });
      await insert('before');
      const write = () => freezable.write('INSERT INTO item VALUES (?, 1)', ['late']);
      const transaction = () => freezable.transaction((tx) => tx.write('INSERT INTO item VALUES (?, 1)', ['late']));
      const read = () => freezable.read('SELECT 1', []);
      const again = () => freezable.unlessFrozen(write);
      for (const part of [write, transaction, () => freezable.retrying(write), again, read])
        expect(await late(part)).toMatchObject({ code: 'cluster_unavailable' });
      await freezable.write('INSERT INTO item VALUES (?, 1)', ['another']);
      let landed: object[] = [];
      const hasArrived = async () =>
        (landed = await cluster.read('SELECT id FROM item WHERE id IN (?, ?)', ['late', 'another'])).length > 0;
      await until('the other row has arrived', hasArrived);
      expect(landed).toEqual([{ id: 'another' }]);
      await freezable.unlessFrozen(write);
    } finally {
      await freezable.close();
    }
  });
});

describe('a lost answer', () => {
  it('is repeated elsewhere, says so, and a compare-and-set counts once', async () => {
    const loss: Loss = { marker: undefined, lost: 0 };
    const proxies = await Promise.all(databases.urls.map((url) => lossyProxy(url, loss)));
    const behind = await MysqlCluster.connect({ urls: proxies.map(({ url }) => url), ...patience });
    for (let i = 0; i < 10; i++) {
      const id = `lost-${i}`;
      await insert(id, true);
      loss.marker = `lost-${i}`;
      const sql = 'UPDATE item SET n = n + 1 WHERE id = ? AND n = 1';
      const { affectedRows, repeated } = await behind.write(sql, [id], { key: id });
      expect({ affectedRows, repeated, lost: loss.lost }).toEqual({ affectedRows: 0, repeated: true, lost: i + 1 });
      expect(await valuesOf(id)).toContain(2);
    }
    for (let i = 0; i < 10; i++)
      await until('one effect on every node', async () => (await valuesOf(`lost-${i}`)).every((n) => n === 2), 10_000);
    expect(behind.stats().unknownOutcomes).toBe(10);
    await behind.close();
    await Promise.all(proxies.map((proxy) => proxy.close()));
  });
});

describe('a node that lags', () => {
  it('is fenced on this server and comes back when it has caught up; everywhere-writes do not wait for it for long', async () => {
    await allOnline();
    const [lagging, writing] = databases.nodes;
    const key = await keyAt(writing);
    // Its applier waits for this lock; all else on it goes on.
    await admins[0].query('LOCK TABLES other READ');
    // As the cluster's own clock, it leaves out for how long this process stands still.
    const clock = new DeadlineClock(Infinity, () => undefined);
    await cluster.write('INSERT INTO other VALUES (?)', [key], { key, everywhere: true });
    expect(clock.now()).toBeLessThan(1500);
    clock.close();
    expect(statusOf(lagging).state).toBe('fenced');
    await until('its lag is known', () => (statusOf(lagging).lagMs ?? 0) > 500);
    expect(statusOf(lagging).reason).toMatch(/behind/);
    // Its keys are read elsewhere meanwhile.
    expect(new Set(await Promise.all(Array.from({ length: 20 }, (_, i) => homeOf(`lag-${i}`))))).not.toContain(
      statusOf(lagging).uuid,
    );
    await admins[0].query('UNLOCK TABLES');
    await allOnline();
    expect(await cluster.readAll('SELECT id FROM other WHERE id = ?', [key])).toEqual(Array(3).fill([{ id: key }]));
  });

  it('is noticed by the watch alone, too', async () => {
    await allOnline();
    const [lagging, writing] = databases.nodes;
    const key = await keyAt(writing);
    await admins[0].query('LOCK TABLES other READ');
    await cluster.write('INSERT INTO other VALUES (?)', [`${key}-2`], { key });
    await until('it is fenced', () => statusOf(lagging).state === 'fenced', 5000);
    await admins[0].query('UNLOCK TABLES');
    await allOnline();
  });
});

describe('a node that does not say what it has applied', () => {
  /** A cluster that hardly looks, and whose only connection for reads of that node is taken. */
  async function withoutReadsOf(database: Database, work: (narrow: MysqlCluster) => Promise<void>): Promise<void> {
    await allOnline();
    const options = { readTimeoutMs: 5000, writeTimeoutMs: 5000, watchIntervalMs: 5000, connectionsPerNode: 1 };
    const narrow = await MysqlCluster.connect({ urls: databases.urls, ...options });
    const online = () => narrow.nodes().every(({ state }) => state === 'online');
    await until('all are online', online);
    const sleepThere = 'SELECT SLEEP(IF(@@server_uuid = ?, 3, 0))';
    const reading = narrow.read(sleepThere, [statusOf(database).uuid!], { key: await keyAt(database) });
    try {
      await Promise.all([work(narrow), reading]);
    } finally {
      await narrow.close();
    }
  }
  const stateIn = (narrow: MysqlCluster, database: Database) =>
    narrow.nodes().find(({ name }) => name === nameOf(database))!.state;

  it('is fenced before a write is said to be everywhere', async () => {
    const [silent, writing] = databases.nodes;
    const key = await keyAt(writing);
    await withoutReadsOf(silent, async (narrow) => {
      await admins[0].query('LOCK TABLES other READ');
      try {
        await narrow.write('INSERT INTO other VALUES (?)', [`${key}-silent`], { key, everywhere: true });
        expect(stateIn(narrow, silent)).toBe('fenced');
      } finally {
        await admins[0].query('UNLOCK TABLES');
      }
    });
  });

  it('is not taken at its word that nothing was left to change', async () => {
    const [silent] = databases.nodes;
    const key = await keyAt(silent);
    await withoutReadsOf(silent, async (narrow) => {
      const nothing = narrow.write('UPDATE item SET n = 1 WHERE id = ?', ['nobody'], { key, everywhere: true });
      expect(await nothing).toEqual({ affectedRows: 0, repeated: true });
      expect(stateIn(narrow, silent)).toBe('fenced');
    });
  });
});

describe('a node that is ahead of the others', () => {
  it('dies: the others are not used before they have applied what they have received of it', async () => {
    await allOnline();
    const [ahead, ...late] = databases.nodes;
    const key = await keyAt(ahead);
    for (const admin of admins.slice(1)) await admin.query('LOCK TABLES other READ');
    await cluster.write('INSERT INTO other VALUES (?)', [`${key}-3`], { key });
    await until('the others are fenced', () => late.every((each) => statusOf(each).state === 'fenced'));
    await ahead.kill();
    await until('it is down', () => statusOf(ahead).state === 'down');
    await sleep(500);
    for (const each of late) expect(statusOf(each).reason).toBe('it is catching up with the other nodes');
    await expect(cluster.read('SELECT 1', [])).rejects.toBeInstanceOf(ClusterUnavailableError);
    for (const admin of admins.slice(1)) await admin.query('UNLOCK TABLES');
    await until('the others are used', () => late.every((each) => statusOf(each).state === 'online'));
    expect(await cluster.readAll('SELECT id FROM other WHERE id = ?', [`${key}-3`])).toHaveLength(2);
    await ahead.start();
    await allOnline();
    admins[0] = await adminOf(ahead);
  });
});

describe('a node that turns read-only', () => {
  it('is left at the first refused write, without an error', async () => {
    await allOnline();
    const [node] = databases.nodes;
    const key = await keyAt(node);
    await admins[0].query('SET GLOBAL super_read_only = ON');
    expect((await cluster.write('INSERT INTO item VALUES (?, 1)', ['refused'], { key })).affectedRows).toBe(1);
    await until('it is known as read-only', () => statusOf(node).state === 'online' && !statusOf(node).writable);
    await admins[0].query('SET GLOBAL super_read_only = OFF, GLOBAL read_only = OFF');
    await until('it is used again', () => statusOf(node).writable);
    await until('the key is home again', async () => (await homeOf(key)) === statusOf(node).uuid);
  });
});

describe('this process itself', () => {
  it('stands still for a while: no statement fails, no node is blamed, all are looked at anew', async () => {
    // For longer than a node may take or lag, and than a machine is likely to stand still by itself.
    const patiently = { readTimeoutMs: 2500, writeTimeoutMs: 5000, maxLagMs: 2500, frozenMs: 20_000 };
    const still = await MysqlCluster.connect({ urls: databases.urls, ...patiently });
    await allOnline(still);
    const before = still.stats();
    const ask = () => Array.from({ length: 20 }, (_, i) => homeOf(`still-${i}`, still));
    // With connections that are there, all are sent before it stands still.
    await Promise.all(ask());
    const underWay = ask();
    const end = performance.now() + 3000;
    while (performance.now() < end);
    expect(new Set(await Promise.all(underWay)).size).toBe(3);
    const stats = still.stats();
    expect({ fenced: stats.fenced, stalls: stats.stalls }).toEqual({
      fenced: before.fenced,
      stalls: before.stalls + 1,
    });
    await homeOf('anew', still);
    await allOnline(still);
    await still.close();
  });
});

describe('more statements than connections', () => {
  it('wait for their turn, and are refused when too many wait', async () => {
    const narrow = await MysqlCluster.connect({
      urls: databases.urls,
      ...patience,
      connectionsPerNode: 2,
      queueLimit: 20,
    });
    const many = (count: number) =>
      Promise.allSettled(Array.from({ length: count }, () => narrow.read('SELECT SLEEP(0.01)', [])));
    expect((await many(20)).filter(({ status }) => status === 'rejected')).toEqual([]);
    const crowd = await many(100);
    const refused = crowd.flatMap((each) => (each.status === 'rejected' ? [each.reason as unknown] : []));
    expect(refused.length).toBeGreaterThan(0);
    for (const reason of refused) expect(reason).toBeInstanceOf(ClusterUnavailableError);
    expect(narrow.stats().fenced).toBe(0);
    await narrow.close();
  });
});

describe('a read that takes every node too long', () => {
  it('fails in time, though one of the nodes has not been asked', async () => {
    await allOnline();
    await expect(cluster.read('SELECT SLEEP(5)', [])).rejects.toBeInstanceOf(ClusterUnavailableError);
  }, 10_000);
});

describe('close', () => {
  it('ends what waits and leaves no connection behind', async () => {
    const brief = await MysqlCluster.connect({ urls: databases.urls, ...patience });
    await brief.readAll('SELECT 1', []);
    const hanging = brief.read('SELECT SLEEP(5)', []);
    const ended = expect(hanging).rejects.toBeInstanceOf(ClusterUnavailableError);
    await brief.close();
    await ended;
    await expect(brief.read('SELECT 1', [])).rejects.toThrow('the MySQL cluster is closed');
    await brief.close();
  });
});
