// Gateways of Nest, with `ws` and with socket.io: none of their code runs for a connection before its session is known.
import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage, type Server as HttpServer } from 'node:http';
import type { Socket as TcpSocket } from 'node:net';
import { Module, type INestApplication, type Type, type WebSocketAdapter } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { IoAdapter } from '@nestjs/platform-socket.io';
import { WsAdapter } from '@nestjs/platform-ws';
import { MessageBody, SubscribeMessage, WebSocketGateway, WebSocketServer } from '@nestjs/websockets';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import type { Server, ServerOptions } from 'socket.io';
import { io, type Socket } from 'socket.io-client';
import { WebSocket } from 'ws';
import { StoreUnavailableError } from '../core/errors.js';
import type { SessionEvent, SessionOptions } from '../core/options.js';
import type { UpgradedSession } from '../core/upgraded-session.js';
import { MemorySessionStore } from '../methods/memory/memory-session-store.js';
import { Visitor } from '../testing/visitor.js';
import { SessionManager, SessionModule, sessionOf, SocketSession, withSessions } from './index.js';

jest.setTimeout(30_000);

/** What the gateways did, in order. */
const log: string[] = [];
const ends: (() => Promise<unknown> | void)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
  log.length = 0;
});

const PATH = { path: '/socket' };
@WebSocketGateway(PATH)
class Gateway {
  @WebSocketServer() server!: { emit(event: string): void; clients?: Set<WebSocket> };

  handleConnection(client: object): void {
    log.push(`connected ${sessionOf(client).content.user as string}`);
  }
  handleDisconnect(): void {
    log.push('left');
  }
  @SubscribeMessage('greet')
  greet(@SocketSession() session: UpgradedSession, @MessageBody() text: string) {
    log.push(`greet ${text}`);
    return { event: 'greeted', data: `${text}, ${session.content.user as string}` };
  }
}
@WebSocketGateway(PATH)
class SecondGateway {
  handleConnection(client: object): void {
    log.push(`second ${sessionOf(client).content.user as string}`);
  }
}

@WebSocketGateway({ ...PATH, namespace: 'chat' })
class ChatGateway extends SecondGateway {}

/** A store whose reads can be held and counted, or fail. */
class HeldStore extends MemorySessionStore {
  held: Promise<void> | undefined;
  reads = 0;
  isDown = false;

  override async find(id: string): ReturnType<MemorySessionStore['find']> {
    this.reads++;
    await this.held;
    if (this.isDown) throw new StoreUnavailableError('down');
    return super.find(id);
  }
  hold(): () => void {
    let letGo = () => undefined as void;
    this.held = new Promise((resolve) => (letGo = resolve));
    return letGo;
  }
}

type MakeAdapter = (app: INestApplication) => WebSocketAdapter;
const ws: MakeAdapter = (app) => withSessions(new WsAdapter(app), app);
const socketIo: MakeAdapter = (app) => withSessions(new IoAdapter(app), app);

interface SiteOptions extends Partial<SessionOptions> {
  readonly gateways?: Type[];
  readonly fastify?: FastifyAdapter;
}

async function site(adapter: MakeAdapter, options: SiteOptions = {}) {
  const { gateways = [Gateway, SecondGateway], fastify, ...own } = options;
  const store = new HeldStore();
  @Module({
    imports: [SessionModule.forRoot({ store, secrets: ['s'.repeat(32)], secure: false, ...own })],
    providers: gateways,
  })
  class SiteModule {}
  const app = fastify
    ? await NestFactory.create(SiteModule, fastify, { logger: false })
    : await NestFactory.create(SiteModule, { logger: false });
  ends.push(() => app.close());
  const manager = app.get(SessionManager);
  app.useWebSocketAdapter(adapter(app));
  await app.listen(0, '127.0.0.1');
  const visitor = new Visitor();
  await visitor.put(manager, { user: 'ann' });
  const cookie = `sid=${visitor.token}; mark=${visitor.mark}`;
  return { app, manager, store, visitor, cookie, url: await app.getUrl() };
}

function wsClient(url: string, headers: Record<string, string>): WebSocket {
  const client = new WebSocket(`${url.replace('http', 'ws')}/socket`, { headers });
  // Some are ended while they still connect.
  client.on('error', () => undefined);
  ends.push(() => client.terminate());
  return client;
}
function ioClient(url: string, extraHeaders: Record<string, string>, options = {}): Socket {
  const client = io(url, { path: '/socket', transports: ['websocket'], extraHeaders, forceNew: true, ...options });
  ends.push(() => void client.disconnect());
  return client;
}

/** Whatever has come to the server before is handled then, if anything handles it. */
async function roundTrip(url: string): Promise<void> {
  await (await fetch(url)).text();
}

async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await new Promise((resolve) => setTimeout(resolve, 5));
}

describe('a gateway with ws', () => {
  const greet = JSON.stringify({ event: 'greet', data: 'hello' });

  it('gets the first message after the session, and each connection is one read for all gateways', async () => {
    const { store, url, cookie } = await site(ws);
    const before = store.reads;
    const letGo = store.hold();
    const client = wsClient(url, { cookie });
    await once(client, 'open');
    await new Promise((sent) => client.send(greet, sent));
    await until(() => store.reads > before);
    await roundTrip(url);
    expect(log).toEqual([]);
    const answer = once(client, 'message') as Promise<[Buffer]>;
    letGo();
    expect(JSON.parse((await answer)[0].toString())).toEqual({ event: 'greeted', data: 'hello, ann' });
    expect(log.slice(0, 2).sort()).toEqual(['connected ann', 'second ann']);
    expect(log.slice(2)).toEqual(['greet hello']);
    expect(store.reads - before).toBe(1);
    client.close();
    await until(() => log.includes('left'));
  });

  it('sends to its clients only, not to a connection that waits for its session', async () => {
    const { app, store, url, cookie } = await site(ws);
    const gateway = app.get(Gateway);
    const first = wsClient(url, { cookie });
    await until(() => log.length === 2);
    const before = store.reads;
    const letGo = store.hold();
    const second = wsClient(url, { cookie });
    await until(() => store.reads > before);
    expect(gateway.server.clients!.size).toBe(1);
    letGo();
    await until(() => log.length === 4);
    expect(gateway.server.clients!.size).toBe(2);
    for (const client of [first, second]) client.close();
    await until(() => gateway.server.clients!.size === 0);
  });

  it('never sees a connection without a session or of another site, which is closed with 1008', async () => {
    const { url, cookie } = await site(ws);
    for (const headers of [
      { cookie: '', origin: url },
      { cookie, origin: 'https://evil.example' },
    ]) {
      const client = wsClient(url, headers);
      client.on('open', () => client.send(greet));
      expect((await once(client, 'close'))[0]).toBe(1008);
    }
    expect(log).toEqual([]);
  });

  it('sees those only that the app lets in', async () => {
    const isAnn: MakeAdapter = (app) =>
      withSessions(new WsAdapter(app), app, { mayConnect: ({ content }) => content.user === 'ann' });
    const { manager, visitor, url, cookie } = await site(isAnn);
    wsClient(url, { cookie });
    await until(() => log.includes('connected ann'));
    await visitor.put(manager, { user: 'ben' });
    expect((await once(wsClient(url, { cookie }), 'close'))[0]).toBe(1008);
    expect(log).not.toContain('connected ben');
  });

  it('never sees a connection that left before its session was read', async () => {
    const { app, store, manager, url, cookie } = await site(ws);
    const before = store.reads;
    const letGo = store.hold();
    const upgraded = once(app.getHttpServer() as HttpServer, 'upgrade') as Promise<[IncomingMessage, TcpSocket]>;
    const client = wsClient(url, { cookie });
    await once(client, 'open');
    await until(() => store.reads > before);
    const [, socket] = await upgraded;
    const closed = once(socket, 'close');
    client.terminate();
    letGo();
    await closed;
    await roundTrip(url);
    // It may be let in for a moment: the end of a paused connection is not seen before. Then it leaves.
    expect(log.filter((line) => line === 'left')).toHaveLength(log.filter((l) => /^conn/.test(l)).length);
    expect(manager.ends.size).toBe(0);
  });

  it('closes with 1013 while the store cannot tell, and the process goes on', async () => {
    const { store, url, cookie } = await site(ws);
    store.isDown = true;
    expect((await once(wsClient(url, { cookie }), 'close'))[0]).toBe(1013);
    store.isDown = false;
    wsClient(url, { cookie });
    await until(() => log.includes('connected ann'));
  });

  it('pings each client once in a while, however many gateways share its path', async () => {
    const pingMs = 23;
    const intervals = jest.spyOn(globalThis, 'setInterval');
    ends.push(() => intervals.mockRestore());
    const { url, cookie } = await site((app) => withSessions(new WsAdapter(app), app, { pingMs }));
    await once(wsClient(url, { cookie }), 'ping');
    expect(intervals.mock.calls.filter(([, ms]) => ms === pingMs)).toHaveLength(1);
  });

  it('closes with 1011 where the app fails to open the session, and tells the app', async () => {
    const events: SessionEvent[] = [];
    const error = new Error('a fault of the app');
    const failing: MakeAdapter = (app) =>
      withSessions(new WsAdapter(app), app, {
        mayConnect: () => {
          throw error;
        },
      });
    const { url, cookie } = await site(failing, { onEvent: (event) => events.push(event) });
    expect((await once(wsClient(url, { cookie }), 'close'))[0]).toBe(1011);
    expect(events).toEqual([{ type: 'handshake-failed', error }]);
  });

  it('closes with 1001 when the app closes', async () => {
    const { app, url, cookie } = await site(ws);
    const clients = [wsClient(url, { cookie }), wsClient(url, { cookie })];
    const closed = clients.map((client) => once(client, 'close'));
    await until(() => log.length === 4);
    await app.close();
    expect((await Promise.all(closed)).map(([code]) => code as number)).toEqual([1001, 1001]);
  });
});

describe('a gateway with socket.io', () => {
  it('gets the first message after the session, and each connection is one read for all gateways', async () => {
    const { store, url, cookie } = await site(socketIo);
    const before = store.reads;
    const letGo = store.hold();
    const client = ioClient(url, { cookie });
    client.emit('greet', 'hello');
    await until(() => store.reads > before);
    await roundTrip(url);
    expect([log, client.connected]).toEqual([[], false]);
    const answer = new Promise((resolve) => client.once('greeted', resolve));
    letGo();
    expect(await answer).toBe('hello, ann');
    expect(log.slice(0, 2).sort()).toEqual(['connected ann', 'second ann']);
    expect(log.slice(2)).toEqual(['greet hello']);
    expect(store.reads - before).toBe(1);
  });

  it('tells a client without a session or of another site so, which then does not connect again', async () => {
    const { url, cookie } = await site(socketIo);
    for (const headers of [
      { cookie: '', origin: url },
      { cookie, origin: 'https://evil.example' },
    ]) {
      const client = ioClient(url, headers);
      const error = await new Promise((resolve) => client.once('connect_error', resolve));
      expect(error).toMatchObject({ message: 'No session.', data: { code: 1008 } });
      expect(client.active).toBe(false);
    }
    expect(log).toEqual([]);
  });

  it('lets a client connect again by itself after an outage, and after the end of its session', async () => {
    const { store, manager, visitor, url, cookie } = await site(socketIo);
    store.isDown = true;
    const client = ioClient(url, { cookie }, { reconnectionDelay: 20 });
    await new Promise((resolve) => client.io.once('close', () => resolve(undefined)));
    store.isDown = false;
    await until(() => client.connected);
    const left = new Promise((resolve) => client.once('disconnect', resolve));
    const refused = new Promise((resolve) => client.once('connect_error', resolve));
    await visitor.visit(manager, (session) => session.destroy());
    expect(await left).toBe('transport close');
    expect(await refused).toMatchObject({ data: { code: 1008 } });
    expect(log).toContain('left');
  });

  it('refuses polling with a reason', async () => {
    const { url, cookie } = await site(socketIo);
    const answer = await fetch(`${url}/socket/?EIO=4&transport=polling`, { headers: { cookie } });
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ message: expect.stringContaining("transports: ['websocket']") });
    const client = ioClient(url, { cookie }, { transports: ['polling'], reconnection: false });
    await new Promise((resolve) => client.once('connect_error', resolve));
    expect(log).toEqual([]);
  });

  it('refuses polling that calls itself an upgrade, which no connection of its own follows', async () => {
    const { url, cookie } = await site(socketIo);
    const poll = httpRequest(`${url}/socket/?EIO=4&transport=polling`, { headers: { cookie, upgrade: 'websocket' } });
    const [answer] = (await once(poll.end(), 'response')) as [IncomingMessage];
    answer.resume();
    expect(answer.statusCode).toBe(400);
  });

  it('lets nobody without a session stay at the root namespace either, where no gateway is', async () => {
    const { url, cookie } = await site(socketIo, { gateways: [ChatGateway] });
    const client = ioClient(url, {});
    const error = new Promise((resolve) => client.once('connect_error', resolve));
    const connected = new Promise((resolve) => client.once('connect', () => resolve('connected')));
    expect(await Promise.race([error, connected])).toMatchObject({ data: { code: 1008 } });
    ioClient(`${url}/chat`, { cookie });
    await until(() => log.includes('second ann'));
    const atRoot = ioClient(url, { cookie });
    await until(() => atRoot.connected);
  });

  it('does not see a connection that socket.io has recovered past the session', async () => {
    class Recovering extends IoAdapter {
      override createIOServer(port: number, options?: ServerOptions): Server {
        return super.createIOServer(port, { ...options!, connectionStateRecovery: {} });
      }
    }
    const { app, url, cookie } = await site((app) => withSessions(new Recovering(app), app));
    const client = ioClient(url, { cookie }, { reconnectionDelay: 20 });
    await until(() => client.connected);
    // What was received last is where the recovery begins.
    app.get(Gateway).server.emit('news');
    await new Promise((resolve) => client.once('news', resolve as never));
    log.length = 0;
    client.io.engine.close();
    const reason = await new Promise((resolve) => client.on('disconnect', (why) => client.recovered && resolve(why)));
    expect(reason).toBe('io server disconnect');
    expect(log).toEqual(['left']);
  });
});

describe("with secure: 'auto' behind a proxy that speaks https", () => {
  const https = { 'x-forwarded-proto': 'https' };
  const closeOrIn = (client: WebSocket) =>
    Promise.race([
      once(client, 'close').then(([code]) => code as number),
      until(() => log.length > 0).then(() => 'in'),
    ]);

  it.each([
    ['a proxy that Express trusts', 'loopback', https, 'in'],
    ['a proxy that Express does not trust', false, https, 1008],
    ['http', 'loopback', {}, 1008],
  ])('a socket by %s', async (_by, trust, headers, expected) => {
    const trusting: MakeAdapter = (app) => {
      (app as NestExpressApplication).set('trust proxy', trust);
      return ws(app);
    };
    const { url, visitor } = await site(trusting, { secure: 'auto' });
    const cookie = `__Host-sid=${visitor.token}; __Host-mark=${visitor.mark}`;
    expect(await closeOrIn(wsClient(url, { cookie, ...headers }))).toBe(expected);
  });

  it('is an error with Fastify, which says what to do instead', async () => {
    const options = { secure: 'auto', fastify: new FastifyAdapter({ trustProxy: true }) } as const;
    await expect(site(ws, options)).rejects.toThrow('Set cookie.secure to true or false.');
  });
});

it('gives sessions to gateways of Fastify', async () => {
  const { url, cookie } = await site(ws, { fastify: new FastifyAdapter() });
  wsClient(url, { cookie });
  await until(() => log.includes('connected ann'));
});

it('says what is missing where the adapter gives no sessions', () => {
  expect(() => sessionOf({})).toThrow('withSessions(adapter, app)');
});
