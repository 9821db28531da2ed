// Gateways of Nest, with `ws` and with socket.io: none of their code runs for a connection before its session is known.
import { once } from 'node:events';
import { Module, type INestApplication, type WebSocketAdapter } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { IoAdapter } from '@nestjs/platform-socket.io';
import { WsAdapter } from '@nestjs/platform-ws';
import { MessageBody, SubscribeMessage, WebSocketGateway, WebSocketServer } from '@nestjs/websockets';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { Server, ServerOptions } from 'socket.io';
import { io, type Socket } from 'socket.io-client';
import { WebSocket } from 'ws';
import { StoreUnavailableError } from '../core/errors.js';
import type { UpgradedSession } from '../core/upgraded-session.js';
import { MemorySessionStore } from '../methods/memory/memory-session-store.js';
import { Visitor } from '../testing/visitor.js';
import { SessionManager, SessionModule, sessionOf, SocketSession, withSessions } from './index.js';

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

type MakeAdapter = (app: INestApplication, manager: SessionManager) => WebSocketAdapter;
const ws: MakeAdapter = (app, manager) => withSessions(new WsAdapter(app), manager);
const socketIo: MakeAdapter = (app, manager) => withSessions(new IoAdapter(app), manager);

async function site(adapter: MakeAdapter) {
  const store = new HeldStore();
  @Module({
    imports: [SessionModule.forRoot({ store, secrets: ['s'.repeat(32)], secure: false })],
    providers: [Gateway, SecondGateway],
  })
  class SiteModule {}
  const app = await NestFactory.create(SiteModule, { logger: false });
  ends.push(() => app.close());
  const manager = app.get(SessionManager);
  app.useWebSocketAdapter(adapter(app, manager));
  await app.listen(0, '127.0.0.1');
  const visitor = new Visitor();
  await visitor.put(manager, { user: 'ann' });
  const cookie = `sid=${visitor.token}; mark=${visitor.mark}`;
  return { app, manager, store, visitor, cookie, url: await app.getUrl(), gateway: app.get(Gateway) };
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
    client.send(greet);
    await until(() => store.reads > before);
    await new Promise((resolve) => setTimeout(resolve, 50));
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
    const { store, url, cookie, gateway } = await site(ws);
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
    const isAnn: MakeAdapter = (app, manager) =>
      withSessions(new WsAdapter(app), manager, { mayConnect: ({ content }) => content.user === 'ann' });
    const { manager, visitor, url, cookie } = await site(isAnn);
    wsClient(url, { cookie });
    await until(() => log.includes('connected ann'));
    await visitor.put(manager, { user: 'ben' });
    expect((await once(wsClient(url, { cookie }), 'close'))[0]).toBe(1008);
    expect(log).not.toContain('connected ben');
  });

  it('never sees a connection that left before its session was read', async () => {
    const { store, manager, url, cookie } = await site(ws);
    const before = store.reads;
    const letGo = store.hold();
    const client = wsClient(url, { cookie });
    await once(client, 'open');
    await until(() => store.reads > before);
    client.terminate();
    letGo();
    // It may be let in for a moment: the end of a paused connection is not seen before. Then it leaves.
    await until(() => manager.ends.size === 0);
    await until(() => log.filter((line) => line === 'left').length === log.filter((l) => /^conn/.test(l)).length);
  });

  it('closes with 1013 while the store cannot tell, and the process goes on', async () => {
    const { store, url, cookie } = await site(ws);
    store.isDown = true;
    expect((await once(wsClient(url, { cookie }), 'close'))[0]).toBe(1013);
    store.isDown = false;
    wsClient(url, { cookie });
    await until(() => log.includes('connected ann'));
  });

  it('closes with 1001 when the app closes, once only also after 1008', async () => {
    const { app, manager, visitor, url, cookie } = await site(ws);
    const clients = [wsClient(url, { cookie }), wsClient(url, { cookie })];
    const closed = clients.map((client) => once(client, 'close'));
    await until(() => log.length === 4);
    await app.close();
    expect((await Promise.all(closed)).map(([code]) => code as number)).toEqual([1001, 1001]);
    await visitor.visit(manager, (session) => session.destroy());
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
    await new Promise((resolve) => setTimeout(resolve, 50));
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

  it('does not see a connection that socket.io has recovered past the session', async () => {
    class Recovering extends IoAdapter {
      override createIOServer(port: number, options?: ServerOptions): Server {
        return super.createIOServer(port, { ...options!, connectionStateRecovery: {} });
      }
    }
    const { url, cookie, gateway } = await site((app, manager) => withSessions(new Recovering(app), manager));
    const client = ioClient(url, { cookie }, { reconnectionDelay: 20 });
    await until(() => client.connected);
    // What was received last is where the recovery begins.
    gateway.server.emit('news');
    await new Promise((resolve) => client.once('news', resolve as never));
    log.length = 0;
    client.io.engine.close();
    const reason = await new Promise((resolve) => client.on('disconnect', (why) => client.recovered && resolve(why)));
    expect(reason).toBe('io server disconnect');
    expect(log).toEqual(['left']);
  });
});

it('says what is missing where the adapter gives no sessions', () => {
  expect(() => sessionOf({})).toThrow('withSessions(adapter, app.get(SessionManager))');
});
