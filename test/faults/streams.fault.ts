// Five thousand open sockets and streams on three servers: they cost no reads, end with their session, and outlive a server.
import { afterAll, describe, expect, it, jest } from '@jest/globals';
import { projectDir, startStack, type Stack } from '@roam/local-stack';
import type { IncomingMessage } from 'node:http';
import { createConnection, type RowDataPacket } from 'mysql2/promise';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from '../support/browser.js';
import { concurrently } from '../support/concurrently.js';
import { closeAll, openEvents, Socket } from '../support/open.js';
import { register } from '../support/people.js';
import { isRefused } from '../support/retry-refused.js';
import { until } from '../support/until.js';
import { residentOf } from './overload.js';
import { keepFigures } from './report.js';

jest.setTimeout(10 * 60_000);

/** Each visitor has a session of their own, a socket and a stream; each user has as many as a user may have on one server. */
const VISITORS = 2_400;
const USERS = 13;
const EACH_OF_USER = 8;

let stack: Stack | undefined;
afterAll(() => stack?.stop());

/** Of one of many addresses, since each may have only so many. */
const address = (i: number) => `127.0.${10 + Math.floor(i / 25)}.1`;

describe.each(['mysql', 'sync', 'file', 'cookie'])('5,000 open sockets and streams: %s', (method) => {
  const users: User[] = [];
  const visitors: Visitor[] = [];
  const figures: Record<string, unknown> = { method };

  it('open, and cost no read each', async () => {
    const preload = join(projectDir, 'test/support/socket-handlers.mjs');
    stack = await startStack({ preload, env: { SESSION_METHOD: method } });
    const before = stack.servers.map(({ pid }) => residentOf(pid));
    for (let i = 0; i < USERS; i += 1) users.push(await user(stack, i));
    const withFew = await selects(stack);
    visitors.push(...(await concurrently(VISITORS, 8, (i) => visitor(stack!, i))));
    const withAll = await selects(stack);
    const memory = stack.servers.map(({ name, pid }, i) => ({ name, before: before[i], open: residentOf(pid) }));
    const open = 2 * (USERS * EACH_OF_USER + VISITORS);
    Object.assign(figures, { open, selectsPerSecond: { withFew, withAll }, memory });
    process.stderr.write(`${JSON.stringify(figures)}\n`);
    // A read of each, every second, would be 5,000.
    expect(withAll - withFew).toBeLessThan(50);
    expect(visitors.filter(({ socket, stream }) => socket.code !== undefined || stream.destroyed)).toEqual([]);
  });

  it('end with their session within a second', async () => {
    const ends: number[] = [];
    for (const { client, sockets, streams } of users.slice(0, 5)) {
      expect((await client.post('/api/logout')).status).toBe(204);
      const begun = performance.now();
      await Promise.all(sockets.map((socket) => socket.closed()));
      await until('the end of the streams', async () => streams.every(({ destroyed }) => destroyed));
      ends.push(Math.round(performance.now() - begun));
      expect(new Set(sockets.map(({ code }) => code))).toEqual(new Set([1008]));
    }
    Object.assign(figures, { endedAfterMs: { shortest: Math.min(...ends), longest: Math.max(...ends) } });
    // The figures say how soon; this says that no look was left out.
    expect(Math.min(...ends)).toBeLessThan(3_000);
    expect(Math.max(...ends)).toBeLessThan(10_000);
  });

  it('are opened again on another server when theirs is killed, signed in', async () => {
    const [killed] = stack!.servers;
    await killed.kill();
    const lost = visitors.filter(({ socket }) => socket.greeting.server === killed.name);
    await until('the end of its sockets', async () => lost.every(({ socket }) => socket.code !== undefined));
    const begun = performance.now();
    const openAgain = async (client: Client, i: number) => {
      const socket = await Socket.opened(client, { from: address(i) });
      expect(socket.greeting.server).not.toBe(killed.name);
      return socket.greeting.hasUser;
    };
    for (const { client } of users.slice(5)) expect(await openAgain(client, 200)).toBe(true);
    await concurrently(lost.length, 8, (i) => openAgain(lost[i].client, i + 225));
    const backAfterMs = Math.round(performance.now() - begun);
    Object.assign(figures, { lostWithServer: lost.length, backAfterMs });
    process.stderr.write(`${JSON.stringify(figures)}\n`);
    keepFigures(`${method}-5000-sockets-and-streams`, figures);
    closeAll();
    await stack!.stop();
    stack = undefined;
  });
});

interface User {
  readonly client: Client;
  readonly sockets: readonly Socket[];
  readonly streams: readonly IncomingMessage[];
}

async function user({ url }: Stack, i: number): Promise<User> {
  const client = new Client(url);
  await register(client);
  const from = address(25 * i);
  const sockets = await concurrently(EACH_OF_USER, 4, () => Socket.opened(client, { from }));
  return { client, sockets, streams: await concurrently(EACH_OF_USER, 4, () => openEvents(client, { from })) };
}

interface Visitor {
  readonly client: Client;
  readonly socket: Socket;
  readonly stream: IncomingMessage;
}

/** Whoever has put something into a cart has a session. */
async function visitor({ url }: Stack, i: number): Promise<Visitor> {
  const client = new Client(url, { retryOn: isRefused });
  expect((await client.put('/api/cart/apple', { quantity: 1 })).status).toBe(200);
  client.close();
  const from = address(i);
  const stream = await openEvents(client, { from });
  expect(stream.statusCode).toBe(200);
  return { client, socket: await Socket.opened(client, { from }), stream };
}

/** Statements a second that read, of all databases together. */
async function selects({ databases }: Stack): Promise<number> {
  const connections = await Promise.all(databases.nodes.map(({ adminUrl }) => createConnection(adminUrl)));
  const count = async () => {
    const rows = await Promise.all(
      connections.map((each) => each.query<RowDataPacket[]>("SHOW GLOBAL STATUS WHERE Variable_name = 'Com_select'")),
    );
    return rows.reduce((sum, [[row]]) => sum + Number(row.Value), 0);
  };
  const [before, begun] = [await count(), performance.now()];
  await sleep(10_000);
  const perSecond = ((await count()) - before) / ((performance.now() - begun) / 1_000);
  await Promise.all(connections.map((each) => each.end()));
  return Math.round(perSecond);
}
