// Each statement of the store finds its rows by an index, in tables that are large enough for MySQL to look at none else.
import { afterAll, beforeAll, expect, it, jest } from '@jest/globals';
import { startDatabases, type Databases } from '@roam/local-stack';
import { MysqlCluster } from '@roam/mysql-cluster';
import type { RowDataPacket } from 'mysql2';
import { createConnection, type Connection } from 'mysql2/promise';
import { aRecord, next } from '../../testing/a-record.js';
import { MysqlSessionStore } from './mysql-session-store.js';
import { sessionTables } from './schema.js';
import type { Parameter, TransactionalDatabase } from './session-database.js';

jest.setTimeout(60_000);

const ROWS = 20_000;
/** How MySQL finds rows by an index: one, several by equal keys, several between two keys. */
const BY_INDEX = ['const', 'eq_ref', 'ref', 'range'];

interface Step extends RowDataPacket {
  table: string | null;
  type: string | null;
  key: string | null;
}

let databases: Databases;
let cluster: MysqlCluster;
let connection: Connection;
const sent = new Map<string, readonly Parameter[]>();

beforeAll(async () => {
  databases = await startDatabases({ count: 1, topology: 'single' });
  cluster = await MysqlCluster.connect({ urls: databases.urls, readTimeoutMs: 2000, writeTimeoutMs: 4000 });
  connection = await createConnection(databases.urls[0]);
  for (const statement of sessionTables) await connection.query(statement);
  await connection.query(`SET SESSION cte_max_recursion_depth = ${ROWS}`);
  const numbers = `WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < ${ROWS})`;
  const endsAt = Date.now() + 3_600_000;
  await connection.query(
    `INSERT INTO sessions (id, version, head, payload, idle_ends_at, ends_at, sweep_at, user_id, epoch) ${numbers}
      SELECT UNHEX(LPAD(HEX(i), 32, '0')), 1, '{}', '{}', ${endsAt} + i, ${endsAt} + i, ${endsAt} + i, i DIV 2, 0 FROM n`,
  );
  await connection.query(
    `INSERT INTO session_epochs (user_id, epoch) ${numbers} SELECT i DIV 2, 1 FROM n WHERE i % 2 = 0`,
  );
  await connection.query('ANALYZE TABLE sessions, session_epochs');
}, 120_000);

afterAll(async () => {
  connection?.destroy();
  await cluster?.close();
  await databases?.stop();
});

/** The cluster; what is sent is written down. */
function recorded(): TransactionalDatabase {
  // The first time, when its rows are there.
  const note = (sql: string, parameters: readonly Parameter[]) => void (sent.has(sql) || sent.set(sql, parameters));
  return {
    read: (sql, parameters, options) => (note(sql, parameters), cluster.read(sql, parameters, options)),
    readAll: (sql, parameters) => (note(sql, parameters), cluster.readAll(sql, parameters)),
    write: (sql, parameters, options) => (note(sql, parameters), cluster.write(sql, parameters, options)),
    readByKey: (select, parameter, options) => {
      for (const count of [1, 32]) note(select.sql(count), Array<Parameter>(count).fill(parameter));
      return cluster.readByKey(select, parameter, options);
    },
    writeByKey: (update, change, options) => {
      for (const { sql, parameters } of [update.alone(change), update.together([change, change])])
        note(sql, parameters);
      return cluster.writeByKey(update, change, options);
    },
    transaction: (work, options) =>
      cluster.transaction(
        (transaction) =>
          work({
            read: (sql, parameters) => (note(sql, parameters), transaction.read(sql, parameters)),
            write: (sql, parameters) => (note(sql, parameters), transaction.write(sql, parameters)),
          }),
        options,
      ),
  };
}

/** Each of the store's operations, with what takes another way in it. */
async function useAll(store: MysqlSessionStore): Promise<void> {
  const userId = '77';
  const [one, other, raised] = [aRecord({ userId }), aRecord({ userId }), aRecord({ userId: 'somebody new' })];
  for (const record of [one, raised]) await store.create(record);
  await store.find(one.id);
  await store.touch(one.id, one.idleEndsAt + 60_000);
  await store.update(next(one), one);
  await store.create(other, next(one));
  await store.updateAbove(next(raised, { epoch: 1 }), raised);
  await store.updateAbove(next(other, { epoch: 2 }), other);
  await store.listByUser(userId);
  await store.livesOf([one.id, other.id]);
  await store.raiseEpoch(userId);
  await store.raiseEpoch('somebody else');
  await store.epochOf(userId);
  await store.destroy(other.id);
  await store.destroy(aRecord().id, 1);
  await store.sweep(Date.now(), 100);
}

/** The steps of its plan in which a table of sessions is not looked up by an index. */
async function withoutIndex(sql: string, parameters: readonly Parameter[]): Promise<string[]> {
  const [plan] = await connection.query<Step[]>(`EXPLAIN FORMAT=TRADITIONAL ${sql}`, [...parameters]);
  // `<derived2>` is what an earlier step has found, and `c` and `t` of JSON_TABLE are parameters.
  const isMade = ({ table }: Step) => table === null || table.startsWith('<');
  const found = plan.filter((step) => !isMade(step) && !(step.key !== null && BY_INDEX.includes(step.type ?? '')));
  const made = [...sql.matchAll(/JSON_TABLE\(.*?\)\)\s*(?:AS )?(\w+)/gs)].map(([, name]) => name);
  return found.filter(({ table }) => !made.includes(table!)).map(({ table, type }) => `${table} by ${type}: ${sql}`);
}

it('finds its rows by an index with each of its statements', async () => {
  await useAll(new MysqlSessionStore(recorded()));
  const looking = [...sent].filter(([sql]) => !/^\s*INSERT/.test(sql));
  expect(looking.length).toBeGreaterThan(12);
  const faults = [];
  for (const [sql, parameters] of looking) faults.push(...(await withoutIndex(sql, parameters)));
  expect(faults).toEqual([]);
});

it('would notice a statement that reads the whole table', async () => {
  const sql = 'SELECT id FROM sessions WHERE ends_at < ?';
  expect(await withoutIndex(sql, [Date.now()])).toEqual([`sessions by ALL: ${sql}`]);
});
