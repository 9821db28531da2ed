// What can be done to real databases: a network cut between them, a full disk, no connections, no progress.
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import mysql, { type ResultSetHeader, type RowDataPacket } from 'mysql2/promise';
import {
  canIsolate,
  canOwnDisks,
  exhaustConnections,
  holdApplier,
  startDatabases,
  type Database,
  type Databases,
} from '@roam/local-stack';

jest.setTimeout(120_000);

const reason = canIsolate() ?? canOwnDisks();
if (reason !== undefined) console.warn(`NOT TESTED: databases cut off, with full disks. Here ${reason}`);

let databases: Databases;
let one: Database, two: Database, three: Database;

async function run<T extends RowDataPacket[] | ResultSetHeader>(node: Database, sql: string, url = node.url) {
  const connection = await mysql.createConnection({ uri: url, connectTimeout: 1000 });
  try {
    return (await connection.query<T>({ sql, timeout: 1000 }))[0];
  } finally {
    connection.destroy();
  }
}

const write = (node: Database) =>
  run<ResultSetHeader>(node, "INSERT INTO t (text) VALUES ('x')").then(
    () => 'done',
    (error: { code: string }) => error.code,
  );

/** How many nodes this one sees ONLINE; -1 where it cannot be asked. */
const online = (node: Database) =>
  run<RowDataPacket[]>(
    node,
    "SELECT 1 FROM performance_schema.replication_group_members WHERE MEMBER_STATE = 'ONLINE'",
  ).then(
    (rows) => rows.length,
    () => -1,
  );

async function until<T>(ask: () => Promise<T>, isGood: (answer: T) => boolean): Promise<void> {
  const end = Date.now() + 60_000;
  for (let answer; !isGood((answer = await ask())); await new Promise((resolve) => setTimeout(resolve, 100)))
    if (Date.now() > end) throw new Error(`Timed out after 60 s: the last answer was ${JSON.stringify(answer)}`);
}

beforeAll(async () => {
  if (reason === undefined)
    databases = await startDatabases({ count: 3, topology: 'multi-primary', isolated: true, ownDisks: true });
  else databases = await startDatabases({ count: 3, topology: 'multi-primary' });
  [one, two, three] = databases.nodes as [Database, Database, Database];
  await run(one, 'CREATE TABLE t (id BIGINT AUTO_INCREMENT PRIMARY KEY, text MEDIUMTEXT)');
  await until(
    () => Promise.all([write(two), write(three)]),
    (answers) => answers.every((answer) => answer === 'done'),
  );
});
afterAll(() => databases.stop());

describe('a database', () => {
  it('whose connections are used up says so, and takes them again', async () => {
    const release = await exhaustConnections(two);
    expect(await write(two)).toBe('ER_CON_COUNT_ERROR');
    expect(await write(one)).toBe('done');
    await release();
    expect(await write(two)).toBe('done');
  });

  it('that is held applies nothing of what others do, until it is released', async () => {
    const count = () =>
      run<RowDataPacket[]>(two, 'SELECT COUNT(*) AS n FROM t').then(([row]) => (row as { n: number }).n);
    const release = await holdApplier(two);
    const before = await count();
    expect(await write(one)).toBe('done');
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(await count()).toBe(before);
    await release();
    await until(count, (n) => n > before);
  });

  it('that shares the network and the disk of the machine says why it cannot be cut off or filled', async () => {
    const single = await startDatabases({ count: 1, topology: 'single' });
    const [node] = single.nodes as [Database];
    await expect(node.cut()).rejects.toThrow('start the databases with isolated');
    await expect(node.fillDisk()).rejects.toThrow('start the databases with ownDisks');
    await single.stop();
  });
});

(reason === undefined ? describe : describe.skip)('a database of its own network and disk', () => {
  it('that is cut off is left behind by the others, answers its clients, and comes back', async () => {
    await one.cut();
    await until(
      () => online(two),
      (n) => n === 2,
    );
    expect(await write(two)).toBe('done');
    await until(
      () => online(one),
      (n) => n === 0,
    );
    expect(await write(one)).not.toBe('done');
    await one.heal();
    await until(
      () => Promise.all([one, two, three].map(online)),
      (all) => all.every((n) => n === 3),
    );
    await until(
      () => write(one),
      (answer) => answer === 'done',
    );
  });

  it('that is cut off from clients too answers nobody', async () => {
    await one.cut({ clients: true });
    expect(await online(one)).toBe(-1);
    await one.heal();
    await until(
      () => online(one),
      (n) => n === 3,
    );
  });

  it('whose disk is full hangs at every commit though it says ONLINE, and is well after a start with room', async () => {
    await three.fillDisk();
    await until(
      () => write(three),
      (answer) => answer === 'PROTOCOL_SEQUENCE_TIMEOUT',
    );
    expect(await Promise.all([write(one), write(two), online(three)])).toEqual(['done', 'done', 3]);
    await three.kill();
    await three.freeDisk();
    await three.start();
    await until(
      () => write(three),
      (answer) => answer === 'done',
    );
  });
});
