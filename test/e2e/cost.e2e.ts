// What a signed-in request costs, counted by MySQL itself.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it, jest } from '@jest/globals';
import { startStack, type Stack } from '@roam/local-stack';
import mysql, { type Connection, type RowDataPacket } from 'mysql2/promise';
import { Client } from '../support/browser.js';
import { register } from '../support/people.js';

jest.setTimeout(120_000);

let stack: Stack;
let nodes: Connection[];

beforeAll(async () => {
  stack = await startStack({ servers: 3, topology: 'multi-primary' });
  nodes = await Promise.all(stack.databases.nodes.map(({ adminUrl }) => mysql.createConnection(adminUrl)));
}, 180_000);
afterAll(async () => {
  await Promise.all(nodes?.map((node) => node.end()) ?? []);
  await stack?.stop();
});

/**
 * The statements that read sessions or users, or write anything, on all nodes since the last reset, by their text. What
 * sets a connection up (SET, PREPARE, once each) is no part of a request, and neither are the announcements of servers.
 */
async function statements(): Promise<Map<string, number>> {
  interface Digest extends RowDataPacket {
    text: string;
    count: number;
  }
  const counts = new Map<string, number>();
  for (const node of nodes) {
    const [rows] = await node.query<Digest[]>(
      `SELECT DIGEST_TEXT AS text, COUNT_STAR AS count FROM performance_schema.events_statements_summary_by_digest
       WHERE SCHEMA_NAME = 'roam' AND DIGEST_TEXT NOT LIKE '%INTO \`servers\`%' AND
         (DIGEST_TEXT LIKE '%\`session%' OR DIGEST_TEXT LIKE '%\`user%' OR
          DIGEST_TEXT REGEXP '^(EXECUTE )?(INSERT|UPDATE|DELETE|REPLACE) ')`,
    );
    for (const { text, count } of rows.filter((row) => !/^(SET|PREPARE) /.test(row.text)))
      counts.set(text, (counts.get(text) ?? 0) + Number(count));
  }
  return counts;
}

/**
 * Until every node has what is written beside the requests: that each server has started, the token of the mail that
 * asks who registered for their address, that mail as sent, and the audit log's two events of that.
 */
async function untilQuiet(): Promise<void> {
  const expected = {
    servers: stack.servers.length,
    account_tokens: 1,
    'outbox WHERE sent_at > 0': 1,
    audit_events: 2,
  };
  for (const node of nodes) {
    for (const [table, count] of Object.entries(expected)) {
      for (;;) {
        const [rows] = await node.query<RowDataPacket[]>(`SELECT COUNT(*) AS n FROM roam.${table}`);
        if (Number((rows[0] as { n: number }).n) >= count) break;
        await sleep(50);
      }
    }
  }
}

it('a signed-in GET /api/me is one SELECT by primary key and no write between two touches', async () => {
  const client = new Client(stack.url);
  await register(client);
  await client.get('/api/me');
  await untilQuiet();
  for (const node of nodes) await node.query('TRUNCATE performance_schema.events_statements_summary_by_digest');

  const requests = 60;
  for (let i = 0; i < requests; i++) {
    expect((await client.get(`${stack.servers[i % 3].url}/api/me`)).status).toBe(200);
  }

  const seen = [...(await statements())];
  expect(seen).toEqual([
    [expect.stringMatching(/^EXECUTE SELECT .* FROM `sessions` .* WHERE `s` \. `id` IN \(\.\.\.\)$/), requests],
  ]);

  // By primary key: MySQL's own plan says "const" for every table it touches.
  const [plan] = await nodes[0].query<RowDataPacket[]>(
    `EXPLAIN FORMAT=TRADITIONAL SELECT s.payload, e.epoch FROM roam.sessions s
     LEFT JOIN roam.session_epochs e ON e.user_id = s.user_id
     WHERE s.id = (SELECT id FROM roam.sessions ORDER BY id DESC LIMIT 1)`,
  );
  expect(plan.map((row) => (row as { key: string }).key)).toEqual(['PRIMARY', 'PRIMARY', 'PRIMARY']);
});
