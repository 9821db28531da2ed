// A limit of visitors' sessions, and content that does not fit: refused with the reason, nothing stored, no sign-in in the way.
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import express, { type Request } from 'express';
import { CONTENT_BYTES } from '../core/codec.js';
import type { SessionEvent, SessionOptions } from '../core/options.js';
import { SessionManager } from '../manager.js';
import { MemorySessionStore, SharedMemory } from '../methods/memory/memory-session-store.js';
import { Visitor } from '../testing/visitor.js';
import { sessionMiddleware, type SessionRequest } from './middleware.js';

type Handler = (request: SessionRequest & Request, manager: SessionManager) => unknown;

let server: Server | undefined;
afterEach(() => new Promise<void>((closed) => (server ? server.close(() => closed()) : closed())));

const withHeaders = (answer: globalThis.Response) => [answer.status, answer.headers.get('retry-after')];

describe('a limit of visitors', () => {
  let memory: SharedMemory;
  let events: SessionEvent[];

  async function serve(handler: Handler, options: Partial<SessionOptions> = {}): Promise<string> {
    memory = new SharedMemory();
    events = [];
    const manager = new SessionManager({
      store: new MemorySessionStore(memory),
      secrets: ['s'.repeat(32)],
      secure: false,
      onEvent: (event) => void events.push(event),
      ...options,
    });
    const app = express();
    app.use(sessionMiddleware(manager));
    app.use(async (request, response) => {
      await handler(request, manager);
      response.json({ done: true });
    });
    server = createServer(app);
    await new Promise<void>((listening) => server!.listen(0, '127.0.0.1', listening));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  it('answers 429 and when to come again to one more visitor, and stores nothing', async () => {
    const asked: (string | undefined)[] = [];
    const visitorWaitMs: SessionOptions['visitorWaitMs'] = (request) => {
      asked.push(request.url);
      return asked.length > 2 ? 1500 : 0;
    };
    const url = await serve((request) => void (request.session!.cart = 1), { visitorWaitMs });
    for (const path of ['/1', '/2']) expect((await fetch(url + path)).status).toBe(200);
    const refused = await fetch(`${url}/3`);
    expect(withHeaders(refused)).toEqual([429, '2']);
    expect(refused.headers.getSetCookie()).toEqual([]);
    expect(await refused.json()).toEqual({ error: { code: 'too_many_sessions', message: expect.any(String) } });
    expect([memory.records.size, asked]).toEqual([2, ['/1', '/2', '/3']]);
    expect(events).toEqual([{ type: 'visitor-refused', reason: 'rate' }]);
  });

  it('asks neither at a sign-in, nor for who has proved who they are, nor for a session that is there, nor where none begins', async () => {
    const url = await serve(
      async (request, manager) => {
        const { session } = request;
        if (request.url === '/sign-in') session!.bind({ userId: 'user-1', epoch: 0 }).cart = 1;
        if (request.url === '/proved') {
          manager.users.proved(session!);
          session!.awaited = 'a code';
        }
        if (request.url === '/more') session!.more = 1;
      },
      { visitorWaitMs: () => 1000 },
    );
    const statuses = [];
    for (const path of ['/', '/sign-in', '/proved', '/more']) statuses.push((await fetch(url + path)).status);
    expect(statuses).toEqual([200, 200, 200, 429]);
    const [cookie] = (await fetch(`${url}/proved`)).headers.getSetCookie();
    expect((await fetch(`${url}/more`, { headers: { cookie: cookie.split(';')[0] } })).status).toBe(200);
  });

  it('answers 409 with the bytes to what does not fit, names no key, and keeps what there was', async () => {
    const url = await serve((request) => {
      if (request.url === '/fits')
        request.session!.note = 'n'.repeat(CONTENT_BYTES - JSON.stringify({ note: '' }).length);
      if (request.url === '/more') request.session!.secretPlan = 'x'.repeat(100);
    });
    const fits = await fetch(`${url}/fits`);
    expect(fits.status).toBe(200);
    const cookie = fits.headers.getSetCookie()[0].split(';')[0];
    const refused = await fetch(`${url}/more`, { headers: { cookie } });
    expect(refused.status).toBe(409);
    const { error } = (await refused.json()) as { error: { code: string; message: string } };
    expect(error.code).toBe('session_too_large');
    expect(error.message).toMatch(/it would take \d+ bytes of at most 65536/);
    expect([...memory.records.values()].map(({ record }) => record.version)).toEqual([1]);
  });
});

describe('content that does not fit', () => {
  const events: SessionEvent[] = [];
  const manager = new SessionManager({
    store: new MemorySessionStore(),
    secrets: ['s'.repeat(32)],
    secure: false,
    onEvent: (event) => void events.push(event),
  });

  it('does not stop a sign-in that another request races with: it is left out, and an event says so', async () => {
    const visitor = new Visitor();
    await visitor.put(manager, { cart: 'x'.repeat(30_000) });
    const signIn = await visitor.begin(manager);
    const { cart } = signIn.session!;
    await signIn.session!.regenerate();
    Object.assign(signIn.session!, { cart, user: 'y'.repeat(30_000) });
    signIn.session!.bind({ userId: 'user-1', epoch: 0 });
    await visitor.copy().put(manager, { late: 'z'.repeat(30_000) });
    await visitor.end(manager, signIn);
    expect(await visitor.see(manager)).toEqual({ cart, user: expect.any(String) });
    expect(events).toContainEqual({ type: 'left-out', id: signIn.id, keys: ['late'] });
  });

  it('may be made smaller where a store has joined more than fits', async () => {
    const visitor = new Visitor();
    await visitor.put(manager, { a: 'x'.repeat(30_000), b: 'y'.repeat(30_000), c: 'z' });
    const store = manager.options.store as MemorySessionStore;
    const { id } = await visitor.begin(manager);
    const { record } = (await store.find(id))!;
    const payload = record.payload.replace('"z"', JSON.stringify('z'.repeat(20_000)));
    await store.update({ ...record, version: record.version + 1, payload }, record);
    await expect(visitor.put(manager, { d: 1 })).rejects.toMatchObject({ code: 'session_too_large' });
    await visitor.visit(manager, (session) => void (session.c = 'z'.repeat(10_000)));
    await visitor.visit(manager, (session) => void delete session.b);
    expect(Object.keys((await visitor.see(manager))!)).toEqual(['a', 'c']);
  });
});
