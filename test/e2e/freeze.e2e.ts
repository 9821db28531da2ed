// A web server stands still, is restarted, or dies: nobody notices, nothing is done twice or late, and its work goes on.
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { startStack, type Stack, type WebServer } from '@roam/local-stack';
import { createConnection, type Connection, type RowDataPacket } from 'mysql2/promise';
import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from '../support/browser.js';
import { newPerson, register } from '../support/people.js';
import { until } from '../support/until.js';

jest.setTimeout(60_000);

const within = 15_000;

let stack: Stack;
let database: Connection;
beforeAll(async () => {
  stack = await startStack({ servers: 2, databases: 1, topology: 'single', env: { SESSION_CLEANUP_SECONDS: '1' } });
  database = await createConnection(stack.databases.nodes[0].adminUrl);
}, 120_000);
afterAll(async () => {
  await database?.end();
  await stack?.stop();
});

/** Everything that a request may have written, for comparison. */
async function contents(): Promise<string> {
  const count = async (sql: string) => (await database.query<RowDataPacket[]>(sql))[0];
  return JSON.stringify([
    await count('SELECT COUNT(*) AS users FROM roam.users'),
    await count('SELECT id, version, ended FROM roam.sessions ORDER BY id'),
  ]);
}

async function phaseOf({ metricsUrl }: WebServer): Promise<string> {
  const report = (await (await fetch(`${metricsUrl}/readyz`)).json()) as { phase: string };
  return report.phase;
}

describe('a frozen web server', () => {
  it('drops what it had in hand when it thaws: nothing of it is written, then it serves again', async () => {
    const [, frozen] = stack.servers as [WebServer, WebServer];
    // Registrations and logins wait for their turn at hashing, between what they have read and what they will write.
    const person = await register(new Client(stack.url));
    const people = 30;
    const clients = Array.from({ length: people }, () => new Client(frozen.url, { timeoutMs: 30_000 }));
    let answered = 0;
    const outcomes = clients.map((client, i) =>
      (i % 2 ? client.post('/api/login', person) : client.post('/api/register', newPerson())).then(
        ({ status }) => ((answered += 1), status),
        () => 'broken off',
      ),
    );
    // A request that has not come in full.
    const half = connect(Number(new URL(frozen.url).port), '127.0.0.1');
    half.on('error', () => undefined).resume();
    const body = JSON.stringify({ quantity: 7 });
    half.write(
      `PUT /api/cart/late HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost\r\nContent-Type: application/json\r\n` +
        `Content-Length: ${body.length}\r\n\r\n`,
    );
    await until('the first answer', async () => answered > 0, within);
    frozen.freeze();
    await sleep(100);
    half.write(body);
    // What MySQL had been sent before may take its time.
    let atFreeze = await contents();
    await until(
      'an end of what was sent',
      async () => {
        const before = atFreeze;
        await sleep(1_000);
        return (atFreeze = await contents()) === before;
      },
      within,
    );
    const answeredAtFreeze = answered;
    expect(answeredAtFreeze).toBeLessThan(people);
    await sleep(3_000);
    frozen.thaw();
    const ended = await Promise.all(outcomes);
    expect(ended.filter((outcome) => outcome === 'broken off').length).toBe(people - answered);
    // One answer may have been on its way out.
    expect(answered - answeredAtFreeze).toBeLessThanOrEqual(1);
    await until('the thawed server', async () => (await phaseOf(frozen)) === 'ready', within);
    // Whatever a handler still wanted to write has had its turn.
    await sleep(1_000);
    expect(await contents()).toBe(atFreeze);
    expect((await new Client(frozen.url).post('/api/login', person)).status).toBe(200);
  });
});

describe('a rolling restart', () => {
  it('fails no request of those who go on reading and writing', async () => {
    const client = new Client(stack.url);
    await register(client);
    const statuses: Record<string, number> = {};
    let longest = 0;
    let over = false;
    const users = Array.from({ length: 12 }, async (_, i) => {
      const user = client.copy();
      for (let round = 1; !over; round++) {
        const startedAt = performance.now();
        const { status, text } = await (round % 3
          ? user.get('/api/me')
          : user.put(`/api/cart/item${i}`, { quantity: round }));
        longest = Math.max(longest, performance.now() - startedAt);
        const outcome = status === 200 ? '200' : `${status} ${text}`;
        statuses[outcome] = (statuses[outcome] ?? 0) + 1;
        await sleep(40);
      }
    });
    for (const server of stack.servers) {
      await server.stop();
      await server.start();
    }
    over = true;
    await Promise.all(users);
    // A server that this machine gives too little time says so itself, with 503, or with 504 to nginx if its database was
    // given too little; everything else would be the restart's fault.
    const failures = (await readFile(stack.requestLog, 'utf8')).split('\n').filter((line) => /" 5\d\d /.test(line));
    expect(failures.filter((line) => !/" 503 .* answered=[^=]*50[34]/.test(line))).toEqual([]);
    expect(Object.keys(statuses).filter((outcome) => !outcome.startsWith('503'))).toEqual(['200']);
    expect(longest).toBeLessThan(3_000);
  });
});

describe('a web server that is killed', () => {
  it('leaves the removal of ended sessions to another one', async () => {
    const past = Date.now() - 3_600_000;
    const endLongAgo = () =>
      database.query(
        `INSERT INTO roam.sessions (id, version, head, payload, idle_ends_at, ends_at, sweep_at, epoch)
         VALUES (RANDOM_BYTES(16), 1, '{}', '', ?, ?, ?, 0)`,
        [past, past, past],
      );
    const areGone = async () =>
      (await database.query<RowDataPacket[]>('SELECT 1 FROM roam.sessions WHERE sweep_at <= ?', [past]))[0].length ===
      0;
    const holder = async () =>
      (await database.query<RowDataPacket[]>("SELECT holder FROM roam.leases WHERE name = 'session-cleanup'"))[0][0]
        .holder as string;

    await endLongAgo();
    await until('the removal', areGone, within);
    const first = await holder();
    const victim = stack.servers.find(({ name }) => name === first)!;
    await victim.kill();
    await endLongAgo();
    await until('the removal by another server', areGone, within);
    expect(await holder()).not.toBe(first);
    await victim.start();
  });
});
