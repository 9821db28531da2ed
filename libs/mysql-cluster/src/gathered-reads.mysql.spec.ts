// Reads by key on three real servers: few statements, the answers of single reads, and nobody held up by another.
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { startDatabases, type Databases } from '@roam/local-stack';
import fc from 'fast-check';
import type { RowDataPacket } from 'mysql2';
import { createConnection, type Connection } from 'mysql2/promise';
import { MysqlCluster, type KeyedSelect } from './index.js';
import { until } from './spec-support/until.js';

jest.setTimeout(90_000);

interface Row extends RowDataPacket {
  readonly id: string;
  readonly n: number;
}

const select: KeyedSelect<Row> = {
  sql: (count) => `SELECT id, n FROM item WHERE id IN (${Array.from({ length: count }, () => '?').join()})`,
  keyOf: ({ id }) => id,
};

const ROWS = 100;
const keys = Array.from({ length: ROWS }, (_, i) => `key-${i}`);

let databases: Databases;
let cluster: MysqlCluster;
let admins: Connection[];

beforeAll(async () => {
  databases = await startDatabases({ count: 3, topology: 'multi-primary' });
  cluster = await MysqlCluster.connect({ urls: databases.urls, readTimeoutMs: 3_000, writeTimeoutMs: 5_000 });
  await until('all nodes online', () => cluster.nodes().every(({ state }) => state === 'online'));
  admins = await Promise.all(databases.nodes.map(({ adminUrl }) => createConnection(adminUrl)));
  await cluster.write('CREATE TABLE item (id VARCHAR(40) PRIMARY KEY, n BIGINT NOT NULL)', [], { everywhere: true });
  const values = keys.map((_, i) => `('key-${i}', ${i})`).join();
  await cluster.write(`INSERT INTO item VALUES ${values}`, [], { everywhere: true });
}, 120_000);
afterAll(async () => {
  await Promise.all(admins?.map((admin) => admin.end()) ?? []);
  await cluster?.close();
  await databases?.stop();
});

const read = (key: string) => cluster.readByKey(select, key, { key });

/** How many statements have read the table, on all nodes. */
async function statements(): Promise<number> {
  let sum = 0;
  for (const admin of admins) {
    const [[row]] = await admin.query<(RowDataPacket & { count: string | null })[]>(
      `SELECT SUM(COUNT_EXECUTE) AS count FROM performance_schema.prepared_statements_instances
       WHERE SQL_TEXT LIKE 'SELECT id, n FROM item WHERE%'`,
    );
    sum += Number(row.count ?? 0);
  }
  return sum;
}

it('are one statement per node and 32 keys for what is asked in one turn', async () => {
  const before = await statements();
  const rows = await Promise.all(keys.map(read));
  expect(rows.map((row) => row?.n)).toEqual(keys.map((_, i) => i));
  await read('key-1');
  // 100 keys over three nodes are 4 statements at least and 6 at most. MySQL may count one after its answer.
  await until('the statements are counted', async () => (await statements()) >= before + 4 + 1);
  expect(await statements()).toBeLessThanOrEqual(before + 6 + 1);
});

it('answer as single reads do, whichever keys come together', async () => {
  const key = fc.oneof(
    fc.constantFrom(...keys),
    fc.string({ maxLength: 20 }).map((text) => `unknown ${text}`),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(key, { maxLength: 80 }), async (asked) => {
      const rows = await Promise.all(asked.map(read));
      expect(rows.map((row) => row?.id)).toEqual(asked.map((each) => (keys.includes(each) ? each : undefined)));
    }),
    { numRuns: 100 },
  );
});

describe('a reader who cannot take the answer', () => {
  it('asks on by itself, while the others have theirs', async () => {
    const [first, ...others] = keys.slice(0, 20);
    let isOver = false;
    const never = cluster
      .readByKey(select, first, { key: first, acceptable: () => false, rounds: 8 })
      .finally(() => (isOver = true));
    const rows = await Promise.all(others.map(read));
    expect(rows.map((row) => row?.id)).toEqual(others);
    expect(isOver).toBe(false);
    // The last answer counts where no node has a better one.
    expect((await never)?.id).toBe(first);
  });
});

it('are answered by the other nodes when theirs stands still', async () => {
  const [node] = databases.nodes;
  node.freeze();
  try {
    const rows = await Promise.all(keys.map(read));
    expect(rows.map((row) => row?.n)).toEqual(keys.map((_, i) => i));
  } finally {
    node.thaw();
  }
});
