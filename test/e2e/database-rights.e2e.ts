// The database accounts of a running stack: the web servers' can use the tables, and nothing beyond.
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { startStack, type Stack } from '@roam/local-stack';
import mysql, { type Connection, type RowDataPacket } from 'mysql2/promise';
import { expectUseOnly, refusedToApp } from '../support/app-rights.js';
import { Client } from '../support/browser.js';
import { register } from '../support/people.js';
import { isRefused } from '../support/retry-refused.js';
import { until } from '../support/until.js';

jest.setTimeout(60_000);

/** What MySQL answers where a right is missing: on a database, a table, a column, for a trigger, for anything else. */
const DENIED = [1044, 1142, 1143, 1419, 1227, 1410];

let stack: Stack;
/** By the account of the running web servers, one for each node. */
let nodes: Connection[];

beforeAll(async () => {
  stack = await startStack({ servers: 1 });
  const urls = stack.settings.DATABASE_URLS.split(',');
  nodes = await Promise.all(urls.map((url) => mysql.createConnection(url)));
}, 180_000);
afterAll(async () => {
  for (const connection of nodes ?? []) connection.destroy();
  await stack?.stop();
});

const rowsOf = async (connection: Connection, sql: string) => (await connection.query<RowDataPacket[]>(sql))[0];

describe("the web servers' database account", () => {
  it('may use the tables, and only insert into and read the audit log, on every node', async () => {
    expect(nodes).toHaveLength(3);
    for (const node of nodes) {
      const grants = await rowsOf(node, 'SHOW GRANTS');
      expectUseOnly(grants.map((grant) => String(Object.values(grant)[0])));
    }
  });

  it.each(refusedToApp)('is refused: %s', async (sql) => {
    for (const node of nodes) {
      const error = await node.query(sql).then(
        () => undefined,
        ({ errno }: { errno: number }) => errno,
      );
      expect(DENIED).toContain(error);
    }
  });

  it('is enough to register and to write the audit log, and is all that a web server knows', async () => {
    const [node] = nodes;
    await register(new Client(stack.url, { retryOn: isRefused }));
    await until(
      'the event',
      async () => (await rowsOf(node, "SELECT 1 FROM audit_events WHERE event = 'registered'")).length === 1,
    );
    expect(stack.settings).not.toHaveProperty('MIGRATION_DATABASE_URLS');
    const { username } = new URL(stack.databases.migrationUrls[0]);
    expect(Object.values(stack.settings).filter((value) => value.includes(`//${username}:`))).toEqual([]);
  });
});
