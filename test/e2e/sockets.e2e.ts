// Sockets and events of the app, through nginx: they have their session, end with it, and cost their server nothing else.
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { projectDir, startStack, type Stack, type WebServer } from '@roam/local-stack';
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { limits } from '../../apps/web/src/config/limits.js';
import { Client } from '../support/browser.js';
import { closeAll, openEvents, Socket } from '../support/open.js';
import { register } from '../support/people.js';
import { isBusy } from '../support/retry-refused.js';
import { until } from '../support/until.js';

jest.setTimeout(120_000);

let stack: Stack;
beforeAll(async () => {
  const preload = join(projectDir, 'test/support/socket-handlers.mjs');
  stack = await startStack({ servers: 3, topology: 'single', preload });
}, 180_000);
afterAll(() => stack?.stop());

afterEach(() => closeAll());

async function signedIn(): Promise<Client> {
  const client = new Client(stack.url, { retryOn: isBusy });
  await register(client);
  return client;
}

const serverOf = (socket: Socket): WebServer => stack.servers.find(({ name }) => name === socket.greeting.server)!;

describe('a socket', () => {
  it('has the session of its handshake, the address of its client, and changes what other servers see', async () => {
    const client = await signedIn();
    const sockets = [];
    for (const { url } of stack.servers) sockets.push(await Socket.opened(client, { at: url }));
    const through = await Socket.opened(client, { from: '127.0.0.7' });
    expect(through.greeting).toMatchObject({ ip: '127.0.0.7', hasUser: true });
    const counts = [];
    for (const socket of [...sockets, through]) counts.push(await socket.count());
    expect(counts).toEqual([1, 2, 3, 4]);
  });

  it('is closed when its session ends, on whichever server', async () => {
    const client = await signedIn();
    const sockets = [];
    for (const { url } of stack.servers) sockets.push(await Socket.opened(client, { at: url }));
    expect((await client.post('/api/logout')).status).toBe(204);
    const begun = performance.now();
    expect(await Promise.all(sockets.map((socket) => socket.closed()))).toEqual([1008, 1008, 1008]);
    // It is told within a second of the end; the rest is this machine's.
    expect(performance.now() - begun).toBeLessThan(5_000);
    for (const { messages } of sockets) expect(messages.at(-1)).toEqual({ ended: true });
  });

  it('is closed at once where nobody is signed in, or another site asks', async () => {
    expect(await new Socket(new Client(stack.url)).closed()).toBe(1008);
    const foreign = new Socket(await signedIn(), { origin: 'https://elsewhere.example' });
    expect([await foreign.closed(), foreign.messages]).toEqual([1008, []]);
  });

  it('is one of so many of an address, and of a user', async () => {
    const client = await signedIn();
    const [{ url }] = stack.servers;
    const mine = await Promise.all(
      Array.from({ length: limits.streamsPerUser }, (_, i) => Socket.opened(client, { at: url, from: `127.0.1.${i}` })),
    );
    expect(await new Socket(client, { at: url, from: '127.0.1.200' }).closed()).toBe(1013);
    const others = await Promise.all(
      Array.from({ length: limits.streamsPerAddress / limits.streamsPerUser }, signedIn),
    );
    const crowd = others.flatMap((other) =>
      Array.from({ length: limits.streamsPerUser }, () => Socket.opened(other, { at: url, from: '127.0.2.1' })),
    );
    await Promise.all(crowd);
    const refused = new Socket(await signedIn(), { at: url, from: '127.0.2.1' });
    await until('the refusal', async () => refused.status === 429);
    expect(mine.map(({ code }) => code)).toEqual(mine.map(() => undefined));
    // Who leaves makes room.
    mine[0].leave();
    await until('room', async () => (await Socket.opened(client, { at: url, from: '127.0.1.201' })).code === undefined);
  });
});

describe('an upgrade that no gateway is for', () => {
  const upgrade = { connection: 'Upgrade', upgrade: 'h2c' };

  it('is answered as any other request through nginx, which takes no server for one that has failed', async () => {
    const client = await signedIn();
    const answer = await client.get('/api/me', upgrade);
    expect([answer.status, answer.headers.upgrade]).toEqual([200, undefined]);
    const asSocket = new Socket(client, { path: '/api/me' });
    await until('an answer', async () => asSocket.status === 200);
  });

  it('is refused at a server, and its connection closed', async () => {
    const client = await signedIn();
    const [{ url }] = stack.servers;
    for (const path of ['/api/me', '/nowhere', '/api/test/events']) {
      const asSocket = new Socket(client, { at: url, path });
      await until('a refusal', async () => asSocket.status === 404);
    }
    expect((await client.get(`${url}/api/me`)).status).toBe(200);
  });
});

describe('a server with open sockets', () => {
  it('that stood still drops them and serves again', async () => {
    const client = await signedIn();
    const [frozen] = stack.servers;
    const socket = await Socket.opened(client, { at: frozen.url });
    frozen.freeze();
    await sleep(2 * limits.frozenMs);
    frozen.thaw();
    expect(await socket.closed()).toBe(1006);
    await until('the thawed server', async () => (await client.get(`${frozen.url}/api/me`)).status === 200);
    expect((await Socket.opened(client, { at: frozen.url })).greeting.hasUser).toBe(true);
  });

  it('that stops says so, and ends in time', async () => {
    const client = await signedIn();
    const [, stopping] = stack.servers;
    const sockets = await Promise.all(Array.from({ length: 8 }, () => Socket.opened(client, { at: stopping.url })));
    const begun = performance.now();
    await stopping.stop();
    const took = performance.now() - begun;
    expect(await Promise.all(sockets.map((each) => each.closed()))).toEqual(sockets.map(() => 1001));
    // It may take `limits.shutdownMs`, after which it ends itself.
    expect(took).toBeLessThan(limits.shutdownMs);
    await stopping.start();
  });

  it('that is killed leaves its clients signed in, on another one', async () => {
    const client = await signedIn();
    const socket = await Socket.opened(client);
    const counted = await socket.count();
    const killed = serverOf(socket);
    await killed.kill();
    expect(await socket.closed()).toBe(1006);
    const again = await Socket.opened(client);
    expect([again.greeting.hasUser, serverOf(again) === killed]).toEqual([true, false]);
    expect(await again.count()).toBe(counted + 1);
    await killed.start();
  });
});

describe('events of which nothing is declared', () => {
  it('hold no place among the requests: more streams than places, and the server answers', async () => {
    const clients = await Promise.all(Array.from({ length: 10 }, signedIn));
    const [{ url }] = stack.servers;
    const count = limits.runningRequests + 10;
    const streams: IncomingMessage[] = [];
    // One after the other: what is asked for at once waits for a place.
    for (let i = 0; i < count; i += 1)
      streams.push(await openEvents(clients[i % clients.length], { at: url, from: `127.0.3.${i % 5}` }));
    expect(new Set(streams.map(({ statusCode }) => statusCode))).toEqual(new Set([200]));
    expect((await clients[0].get(`${url}/api/me`)).status).toBe(200);
    expect((await clients[0].post('/api/logout')).status).toBe(204);
    await until('the end of the streams', async () => streams.filter(({ destroyed }) => destroyed).length === 14);
  });
});
