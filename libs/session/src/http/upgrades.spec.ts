// WebSockets with the session of their handshake, by the library that most use.
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { connect as connectTcp, type AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { WebSocket, WebSocketServer } from 'ws';
import type { UpgradedSession } from '../core/upgraded-session.js';
import { SessionManager } from '../manager.js';
import type { SessionOptions } from '../core/options.js';
import { CookieSessions } from '../methods/cookie/cookie-sessions.js';
import { MemoryRevocationList } from '../methods/cookie/revocation/memory-revocation-list.js';
import { MemorySessionStore } from '../methods/memory/memory-session-store.js';
import { Visitor } from '../testing/visitor.js';
import { sessionMiddleware } from './middleware.js';

jest.setTimeout(30_000);

const SECRETS = ['s'.repeat(32)];
const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close().closeAllConnections();
});

async function site(options: Partial<SessionOptions> = {}) {
  const manager = new SessionManager({ store: new MemorySessionStore(), secrets: SECRETS, secure: false, ...options });
  const visitor = new Visitor();
  await visitor.put(manager, { user: 'ann' });
  const sessions: (UpgradedSession | undefined)[] = [];
  const sockets: Duplex[] = [];
  const server = createServer();
  servers.push(server);
  new WebSocketServer({ server }).on('connection', (client, request) => {
    sockets.push(request.socket);
    void manager.openUpgrade(request).then((session) => {
      sessions.push(session);
      if (session) client.send('open');
      else client.close(1008);
    });
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const { port } = server.address() as AddressInfo;
  const cookie = () => (visitor.token === undefined ? '' : `sid=${visitor.token}; mark=${visitor.mark}`);
  const connect = (headers: Record<string, string> = {}) =>
    new WebSocket(`ws://127.0.0.1:${port}`, { headers: { cookie: cookie(), ...headers } });
  const open = async (headers?: Record<string, string>) => {
    const client = connect(headers);
    await once(client, 'message');
    return { client, session: sessions.at(-1)! };
  };
  const refusal = async (headers: Record<string, string>) => ((await once(connect(headers), 'close')) as [number])[0];
  return { manager, visitor, server, port, cookie, sessions, sockets, connect, open, refusal };
}

const closeOf = async (client: WebSocket) => ((await once(client, 'close')) as [number])[0];

describe('a socket with a session', () => {
  it('reads and changes it as requests do, also when the token of its handshake has been replaced', async () => {
    let now = Date.now();
    const { manager, visitor, open } = await site({ now: () => now });
    const { session } = await open();
    expect(session.content).toEqual({ user: 'ann' });
    now += 20 * 60_000;
    await visitor.put(manager, { cart: 1 });
    await visitor.put(manager, { cart: 2 });
    now += 60_000;
    expect(await session.read()).toEqual({ user: 'ann', cart: 2 });
    await Promise.all([1, 2, 3].map(() => session.update<number>('seen', (seen = 0) => seen + 1)));
    expect(await visitor.see(manager)).toEqual({ user: 'ann', cart: 2, seen: 3 });
    await session.set('place', 'here');
    expect([session.content.place, await visitor.see(manager)]).toMatchObject(['here', { seen: 3, place: 'here' }]);
    await session.set('place', undefined);
    expect(await visitor.see(manager)).toEqual({ user: 'ann', cart: 2, seen: 3 });
    now += 29 * 60_000;
    await session.touch();
    now += 29 * 60_000;
    expect(await visitor.see(manager)).toMatchObject({ user: 'ann' });
  });

  it('is closed with 1008 within a second of the end, and told of it first', async () => {
    const { manager, visitor, open } = await site();
    const { client, session } = await open();
    const told: string[] = [];
    session.onEnd(() => told.push('end'));
    const closed = closeOf(client);
    const begun = performance.now();
    await visitor.copy().visit(manager, (own) => own.destroy());
    expect(await closed).toBe(1008);
    // A look comes every 0.4 s; the rest is this machine's.
    expect(performance.now() - begun).toBeLessThan(5_000);
    session.onEnd(() => told.push('late'));
    expect(told).toEqual(['end', 'late']);
    for (const act of [
      () => session.read(),
      () => session.update('a', () => 1),
      () => session.set('a', 1),
      () => session.touch(),
    ])
      await expect(act()).rejects.toThrow('The session has ended.');
    expect(manager.ends.size).toBe(0);
  });

  it('is closed with 1001 when its server stops, and forgotten when it closes by itself', async () => {
    const { manager, open } = await site();
    const [{ client: first }, { client: second }] = [await open(), await open()];
    first.close();
    await closeOf(first);
    const closed = closeOf(second);
    const allClosed = manager.closeUpgrades();
    expect(await closed).toBe(1001);
    await allClosed;
    while (manager.ends.size > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  });
});

it('is told once, and not waited for, when it does not close its side, whichever library it has', async () => {
  const { manager, visitor, cookie } = await site();
  const errors: Error[] = [];
  const server = createServer();
  servers.push(server);
  const opened = new Promise<UpgradedSession | undefined>((resolve) =>
    server.on('upgrade', (request, socket) => {
      socket.on('error', (error) => errors.push(error));
      socket.write('HTTP/1.1 101 Switching Protocols\r\n\r\n');
      resolve(manager.openUpgrade(request));
    }),
  );
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const client = connectTcp({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', allowHalfOpen: true });
  const received: Buffer[] = [];
  client.on('data', (part) => received.push(part));
  const lines = ['GET / HTTP/1.1', 'Host: x', 'Connection: Upgrade', 'Upgrade: websocket', `Cookie: ${cookie()}`];
  client.write([...lines, '', ''].join('\r\n'));
  const session = await opened;
  const ended = new Promise<void>((resolve) => session!.onEnd(resolve));
  await visitor.copy().visit(manager, (own) => own.destroy());
  await ended;
  await manager.closeUpgrades();
  expect(Buffer.concat(received).toString('hex').split('0d0a').at(-1)).toBe('880203f0');
  expect(errors).toEqual([]);
  client.destroy();
});

it('sets a key where no method can update it atomically', async () => {
  const store = new MemorySessionStore();
  Object.assign(store, { capabilities: { ...store.capabilities, atomicUpdate: false } });
  const { manager, visitor, open } = await site({ store });
  const { session } = await open();
  await expect(session.update('seen', () => 1)).rejects.toThrow('atomic');
  await session.set('seen', 1);
  expect(await visitor.see(manager)).toEqual({ user: 'ann', seen: 1 });
});

it('is closed at the end of its session also when a callback throws, which is reported', async () => {
  const reported: unknown[] = [];
  const { manager, visitor, open } = await site({
    onEvent: (event) => void ('error' in event && reported.push(event.error)),
  });
  const { client, session } = await open();
  const told: string[] = [];
  session.onEnd(() => {
    throw new Error('in a callback');
  });
  session.onEnd(() => told.push('end'));
  const closed = closeOf(client);
  await visitor.copy().visit(manager, (own) => own.destroy());
  expect(await closed).toBe(1008);
  expect([told, reported]).toEqual([['end'], [new Error('in a callback')]]);
});

it('is opened once, however often its handshake is given', async () => {
  let asked = 0;
  const { manager, sessions, connect } = await site({ mayUpgrade: () => (asked++, true) });
  const requests: IncomingMessage[] = [];
  servers[0].on('upgrade', (request: IncomingMessage) => requests.push(request));
  const client = connect();
  await once(client, 'message');
  const again = await Promise.all([1, 2, 3].map(() => manager.openUpgrade(requests[0])));
  expect(again.every((session) => session === sessions[0])).toBe(true);
  expect([asked, manager.ends.size]).toEqual([1, 1]);
  client.terminate();
});

it('is closed with 1013 where mayUpgrade says no, and asks for its user', async () => {
  const asked: unknown[] = [];
  const { manager, refusal, cookie } = await site({ mayUpgrade: (_request, userId) => asked.push(userId) < 1 });
  expect(await refusal({ cookie: cookie() })).toBe(1013);
  expect([asked, manager.ends.size]).toEqual([[null], 0]);
});

it('does not hold up a stop when its client began to close and keeps its side open', async () => {
  const { manager, port, cookie, sockets } = await site();
  const client = connectTcp({ port, host: '127.0.0.1', allowHalfOpen: true });
  const lines = ['GET / HTTP/1.1', 'Host: x', 'Connection: Upgrade', 'Upgrade: websocket', `Cookie: ${cookie()}`];
  const webSocket = ['Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=='];
  client.resume().write([...lines, ...webSocket, '', ''].join('\r\n'));
  while (manager.ends.size === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  client.write(Buffer.from([0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8]));
  while (!sockets[0].writableEnded) await new Promise((resolve) => setTimeout(resolve, 5));
  const begun = performance.now();
  await manager.closeUpgrades();
  // The library itself would wait for 30 s.
  expect(performance.now() - begun).toBeLessThan(10_000);
  client.destroy();
});

describe('a handshake whose session is still being read', () => {
  /** Holds the session's read until it is let go. */
  async function slowSite() {
    const store = new MemorySessionStore();
    let letGo = () => undefined as void;
    let asked = () => undefined as void;
    const isAsked = new Promise<void>((resolve) => (asked = resolve));
    const held = new Promise<void>((resolve) => (letGo = resolve));
    const opened = await site({ store });
    const find = store.find.bind(store);
    store.find = async (id) => {
      asked();
      await held;
      return find(id);
    };
    return { ...opened, isAsked, letGo };
  }

  it('leaves nothing behind when its client goes', async () => {
    const { manager, connect, sessions, sockets, isAsked, letGo } = await slowSite();
    const client = connect();
    await Promise.all([once(client, 'open'), isAsked]);
    client.terminate();
    while (!sockets.at(-1)?.destroyed) await new Promise((resolve) => setTimeout(resolve, 5));
    letGo();
    while (sessions.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    expect([sessions, manager.ends.size]).toEqual([[undefined], 0]);
    await manager.closeUpgrades();
  });

  it('ends no process when its client breaks off, where no library handles its errors', async () => {
    const { manager, cookie, isAsked, letGo } = await slowSite();
    const server = createServer();
    servers.push(server);
    const opened = new Promise<UpgradedSession | undefined>((resolve) =>
      server.on('upgrade', (request, socket) => {
        socket.once('close', letGo);
        resolve(manager.openUpgrade(request));
      }),
    );
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const client = connectTcp({ port: (server.address() as AddressInfo).port, host: '127.0.0.1' });
    const lines = ['GET / HTTP/1.1', 'Host: x', 'Connection: Upgrade', 'Upgrade: websocket', `Cookie: ${cookie()}`];
    client.on('error', () => undefined).write([...lines, '', ''].join('\r\n'));
    await isAsked;
    client.resetAndDestroy();
    expect(await opened).toBeUndefined();
  });

  it('is closed with 1001 when its server stops meanwhile', async () => {
    const { manager, connect, isAsked, letGo } = await slowSite();
    const client = connect();
    const closed = closeOf(client);
    await isAsked;
    await manager.closeUpgrades();
    letGo();
    expect(await closed).toBe(1001);
    expect(manager.ends.size).toBe(0);
  });
});

describe('a handshake', () => {
  it("is refused to another site's page, and without a session", async () => {
    const { port, open, refusal } = await site();
    expect(await refusal({ origin: 'https://evil.example' })).toBe(1008);
    expect(await refusal({ origin: 'null' })).toBe(1008);
    expect(await refusal({ cookie: '' })).toBe(1008);
    await open({ origin: `http://127.0.0.1:${port}` });
    const listed = await site({ origins: ['https://shop.example'] });
    expect(await listed.refusal({ origin: `http://127.0.0.1:${listed.port}` })).toBe(1008);
    await listed.open({ origin: 'https://shop.example' });
  });

  it('that is given to the middleware is an error that says what to do, and ends no process', async () => {
    const manager = new SessionManager({ store: new MemorySessionStore(), secrets: SECRETS, secure: false });
    const middleware = sessionMiddleware(manager);
    const error = await new Promise((resolve) =>
      middleware({ headers: {} } as IncomingMessage, {} as ServerResponse, resolve),
    );
    expect(error).toMatchObject({ code: 'session_usage', message: expect.stringContaining('openUpgrade(request)') });
  });

  it('is an error where it is none: the connection of a poll serves other requests too', async () => {
    const manager = new SessionManager({ store: new MemorySessionStore(), secrets: SECRETS, secure: false });
    // Any client can send the header.
    const poll = { headers: { upgrade: 'websocket' }, socket: {}, upgrade: false } as unknown as IncomingMessage;
    await expect(manager.openUpgrade(poll)).rejects.toThrow("With socket.io set transports: ['websocket']");
  });

  it('reads a session that the browser holds, and says that it cannot change that', async () => {
    const revocations = new MemoryRevocationList();
    const store = new CookieSessions({ secrets: SECRETS, audience: '', revocations, lifetimeMs: 1e12 });
    const { open } = await site({ store });
    const { session } = await open();
    expect(session.content).toEqual({ user: 'ann' });
    for (const act of [() => session.read(), () => session.update('a', () => 1), () => session.set('a', 1)])
      await expect(act()).rejects.toThrow('read and change it by a request');
  });
});
