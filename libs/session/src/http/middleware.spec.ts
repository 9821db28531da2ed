// The request life cycle over real HTTP: what leaves when, which cookies, and what happens when the commit fails.
import { once } from 'node:events';
import { createServer, get, type Server } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from '@jest/globals';
import express, { type Express, type NextFunction, type Request, type Response } from 'express';
import passport from 'passport';
import { Strategy } from 'passport-local';
import { StoreUnavailableError } from '../core/errors.js';
import { SessionManager } from '../manager.js';
import { MemorySessionStore, SharedMemory } from '../methods/memory/memory-session-store.js';
import { sessionMiddleware, type SessionRequest } from './middleware.js';
import type { SessionEvent, SessionOptions } from '../core/options.js';
import type { SessionRecord, WriteResult } from '../port/records.js';
import { best, patience } from '../testing/patience.js';

type Handler = (request: SessionRequest & Request, response: Response, next: NextFunction) => unknown;

/** A memory store whose writes can be held back or made to fail. */
class TestStore extends MemorySessionStore {
  beforeWrite: () => Promise<void> = async () => undefined;

  override async create(record: SessionRecord): Promise<WriteResult> {
    await this.beforeWrite();
    return super.create(record);
  }
}

describe('the request life cycle', () => {
  const servers: Server[] = [];
  const store = new TestStore();

  afterEach(async () => {
    store.beforeWrite = async () => undefined;
    for (const server of servers.splice(0)) {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    }
  });

  /** Serves this app; without options there is no session. */
  async function serve(setUp: (app: Express) => void, options?: Partial<SessionOptions>): Promise<string> {
    const app = express();
    app.use((_request, response, next) => {
      response.setHeader('X-Request-Id', 'kept');
      // As a deadline answers that was set up before the session.
      const [writeHead, end] = [response.writeHead.bind(response), response.end.bind(response)];
      response.locals.answerFirst = () => {
        writeHead(503);
        end('too late');
      };
      next();
    });
    if (options)
      app.use(sessionMiddleware(new SessionManager({ store, secrets: ['s'.repeat(32)], secure: false, ...options })));
    setUp(app);
    const server = createServer(app);
    servers.push(server);
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  const handle = (handler: Handler, options: Partial<SessionOptions> = {}) =>
    serve((app) => app.use(handler as express.RequestHandler), options);

  const cookiesOf = (response: globalThis.Response) =>
    response.headers
      .getSetCookie()
      .map((cookie) => cookie.split(';')[0])
      .join('; ');

  it('writes nothing for a request that is over, however late its handler changes, ends or saves something', async () => {
    const memory = new SharedMemory();
    const stored = () => JSON.stringify([...memory.records.values()]);
    let over = false;
    const failures: string[] = [];
    const url = await handle(
      async (request, response) => {
        const { session } = request;
        over = request.url !== '/';
        session!.late = request.url;
        if (request.url === '/destroy') await session!.destroy().catch((error: Error) => failures.push(error.name));
        if (request.url === '/save') await session!.save().catch((error: Error) => failures.push(error.name));
        if (request.url === '/regenerate') void session!.regenerate();
        response.send('done');
      },
      { store: new MemorySessionStore(memory), isOver: () => over },
    );
    const first = await fetch(url);
    const headers = { cookie: cookiesOf(first) };
    const before = stored();
    for (const path of ['/', '/change', '/destroy', '/save', '/regenerate']) {
      over = false;
      const { status } = await fetch(url + path, { headers });
      expect([path, status]).toEqual([path, path === '/' ? 200 : 503]);
      expect(stored()).toBe(before);
    }
    expect(failures).toEqual(['RequestOverError', 'RequestOverError']);
  });

  it('sends no byte before the session is stored (expressjs/session#360)', async () => {
    let stored = false;
    let release = () => undefined as void;
    const url = await handle((request, response) => {
      request.session!.a = 1;
      response.writeHead(200, { 'Content-Length': 10 });
      response.write('12345');
      response.end('67890');
    });
    const held = new Promise<void>((resolve) => (release = resolve));
    store.beforeWrite = async () => {
      await held;
      stored = true;
    };
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    socket.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    let received = '';
    socket.on('data', (bytes: Buffer) => {
      expect(stored).toBe(true);
      received += bytes.toString();
    });
    const ended = new Promise((resolve) => socket.on('close', resolve));
    await sleep(50);
    expect(received).toBe('');
    release();
    await ended;
    expect(received).toMatch(/^HTTP\/1\.1 200 [^]*set-cookie: sid=[^]*1234567890$/i);
  });

  it('sets HttpOnly, SameSite=Lax cookies, and Secure ones with the __Host- prefix on https', async () => {
    const write: Handler = (request, response) => {
      request.session!.a = 1;
      response.send('ok');
    };
    const plain = (await fetch(await handle(write))).headers;
    expect(plain.getSetCookie()).toEqual([
      expect.stringMatching(/^sid=[\w-]{71}; Path=\/; HttpOnly; SameSite=Lax$/),
      expect.stringMatching(/^mark=1\.[\w-]{16}; Path=\/; HttpOnly; SameSite=Lax$/),
    ]);
    expect(plain.get('cache-control')).toBe('private, no-store');
    const secure = (await fetch(await handle(write, { secure: true }))).headers.getSetCookie();
    expect(secure).toEqual([
      expect.stringMatching(/^__Host-sid=[\w-]{71}; Path=\/; HttpOnly; Secure; SameSite=Lax$/),
      expect.stringMatching(/^__Host-mark=.*Secure/),
    ]);
  });

  it('serves once when it is mounted twice', async () => {
    const url = await serve((app) => {
      app.use(sessionMiddleware(new SessionManager({ store, secrets: ['t'.repeat(32)], secure: false })));
      app.get('/', (request, response) => {
        request.session!.a = 1;
        response.send('done');
      });
    }, {});
    const answer = await fetch(url);
    expect(await answer.text()).toBe('done');
    expect(answer.headers.getSetCookie()).toHaveLength(2);
  });

  it('sets a Max-Age with "keep me signed in", and the one that maxAge asks for', async () => {
    const url = await handle((request, response) => {
      if (request.url === '/') request.session!.bind({ userId: 'ann', epoch: 0, remember: true });
      if (request.url === '/short') request.session!.cookie.maxAge = 60_000;
      response.send('ok');
    });
    const first = await fetch(url);
    for (const line of first.headers.getSetCookie()) expect(line).toContain('Max-Age=2592000');
    const lines = (await fetch(`${url}/short`, { headers: { cookie: cookiesOf(first) } })).headers.getSetCookie();
    expect(lines.map((line) => line.split('=')[0])).toEqual(['sid', 'mark']);
    for (const line of lines) expect(line).toContain('Max-Age=60;');
  });

  it('sets no cookie for a visitor, nor for a request that changes nothing', async () => {
    const url = await handle((request, response) => {
      if (request.url === '/write') request.session!.a = 1;
      response.json({ a: request.session!.a });
    });
    const first = await fetch(url);
    expect(first.headers.getSetCookie()).toEqual([]);
    const cookie = cookiesOf(await fetch(`${url}/write`));
    const second = await fetch(url, { headers: { cookie } });
    expect(await second.json()).toEqual({ a: 1 });
    expect(second.headers.getSetCookie()).toEqual([]);
    const rewritten = await fetch(`${url}/write`, { headers: { cookie } });
    expect(rewritten.headers.getSetCookie()).toEqual([]);
  });

  it('replaces the whole answer when the commit fails', async () => {
    store.beforeWrite = () => Promise.reject(new StoreUnavailableError('on purpose'));
    const url = await handle((request, response) => {
      request.session!.a = 1;
      response.writeHead(201, 'Made', { 'X-Mine': 'gone', 'Set-Cookie': 'mine=gone' });
      response.write('you are ');
      response.end('logged in');
    });
    const response = await fetch(url);
    expect(response.status).toBe(503);
    expect(response.statusText).toBe('Service Unavailable');
    expect(Object.fromEntries(response.headers)).toMatchObject({ 'retry-after': '1', 'x-request-id': 'kept' });
    expect(response.headers.has('x-mine')).toBe(false);
    expect(response.headers.getSetCookie()).toEqual([]);
    expect(await response.json()).toEqual({ error: { code: 'session_store_unavailable', message: 'on purpose' } });
  });

  it('closes the connection of a stream whose commit fails, since a handler may end with nothing else', async () => {
    store.beforeWrite = () => Promise.reject(new StoreUnavailableError('on purpose'));
    const ended: string[] = [];
    const url = await handle((request, response) => {
      request.session!.a = 1;
      request.socket.once('close', () => ended.push(request.url));
      response.write('first');
      if (request.url === '/whole') response.end();
    });
    const [whole, stream] = [await fetch(`${url}/whole`), await fetch(`${url}/stream`)];
    for (const { status } of [whole, stream]) expect(status).toBe(503);
    expect([whole, stream].map(({ headers }) => headers.get('connection'))).toEqual(['keep-alive', 'close']);
    await stream.text();
    while (!ended.includes('/stream')) await sleep(5);
  });

  it('answers 500 to what a session cannot hold, tells only the app what it was, and stores nothing', async () => {
    const memory = new SharedMemory();
    const events: SessionEvent[] = [];
    const handler: Handler = (request, response) => {
      request.session!.cart = { items: [Buffer.from('x')] };
      response.send('done');
    };
    const onEvent = (event: SessionEvent) => void events.push(event);
    const answer = await fetch(await handle(handler, { store: new MemorySessionStore(memory), onEvent }));
    expect([answer.status, answer.headers.getSetCookie()]).toEqual([500, []]);
    expect(await answer.text()).not.toContain('Buffer');
    const message = expect.stringContaining('session.cart.items[0] is a Buffer');
    expect(events).toMatchObject([{ type: 'response-error', error: { code: 'session_usage', message } }]);
    expect(memory.records.size).toBe(0);
  });

  it.each([
    ['null', (request: SessionRequest) => ((request as { session: unknown }).session = null)],
    ['undefined', (request: SessionRequest) => (request.session = undefined)],
    ['nothing', (request: SessionRequest) => delete request.session],
  ])('signs out when a handler leaves %s at request.session', async (_, leave) => {
    const memory = new SharedMemory();
    const handler: Handler = (request, response) => {
      request.session!.cart = 1;
      if (request.url === '/out') leave(request);
      response.send('done');
    };
    const url = await handle(handler, { store: new MemorySessionStore(memory) });
    const headers = { cookie: cookiesOf(await fetch(url)) };
    const answer = await fetch(`${url}/out`, { headers });
    expect([answer.status, cookiesOf(answer)]).toEqual([200, 'sid=; mark=']);
    expect((await fetch(url, { headers })).headers.getSetCookie()).toHaveLength(2);
  });

  it('refuses another object in the place of request.session, and says what to do instead', async () => {
    const errors: Error[] = [];
    const handler: Handler = (request, response) => {
      (request as { session: unknown }).session = { user: 'ann' };
      response.send('done');
    };
    const failure = (error: Error) => {
      errors.push(error);
      return { status: 500, headers: {}, body: '' };
    };
    expect((await fetch(await handle(handler, { failure }))).status).toBe(500);
    expect(errors).toMatchObject([
      { code: 'session_usage', message: expect.stringContaining('set keys of req.session') },
    ]);
  });

  it('lets the app answer in its own words, and answers even when these fail', async () => {
    store.beforeWrite = () => Promise.reject(new StoreUnavailableError('on purpose'));
    const write: Handler = (request, response) => {
      request.session!.a = 1;
      response.send('never');
    };
    const own = await fetch(
      await handle(write, { failure: () => ({ status: 599, headers: { 'X-Own': '1' }, body: 'own' }) }),
    );
    expect([own.status, own.headers.get('x-own'), await own.text()]).toEqual([599, '1', 'own']);
    const broken = await handle(write, {
      failure: () => {
        throw new Error('broken page');
      },
    });
    expect((await fetch(broken)).status).toBe(503);
  });

  it('answers 503, never "no session", when the store cannot be read', async () => {
    const url = await handle((request, response) => {
      request.session!.a = 1;
      response.send('ok');
    });
    const cookie = cookiesOf(await fetch(url));
    const find = store.find.bind(store);
    store.find = () => Promise.reject(new StoreUnavailableError('on purpose'));
    try {
      const response = await fetch(url, { headers: { cookie } });
      expect([response.status, response.headers.get('retry-after')]).toEqual([503, '1']);
      expect((await fetch(url)).status).toBe(200);
    } finally {
      store.find = find;
    }
  });

  it('holds a long body with back-pressure, and loses none of it', async () => {
    store.beforeWrite = () => sleep(30);
    let waited = false;
    const url = await handle(async (request, response) => {
      request.session!.a = 1;
      waited = !response.write(Buffer.alloc(200_000, 'a'));
      if (waited) await once(response, 'drain');
      await pipeline(Readable.from(Array.from({ length: 300 }, () => Buffer.alloc(10_000, 'b'))), response);
    });
    const body = await (await fetch(url)).text();
    expect(waited).toBe(true);
    expect(body).toBe('a'.repeat(200_000) + 'b'.repeat(3_000_000));
  });

  it('keeps the cookies that writeHead brings, in every form it takes, as Node does', async () => {
    for (const headers of [{ 'Set-Cookie': ['x=1', 'y=2'] }, ['Set-Cookie', 'x=1', 'Set-Cookie', 'y=2']]) {
      const answer: Handler = (request, response) => {
        if (request.session) request.session.a = 1;
        response.writeHead(200, headers as Record<string, string[]>);
        response.end();
      };
      const names = async (url: string) =>
        (await fetch(url)).headers.getSetCookie().map((cookie) => cookie.split('=')[0]);
      // Node 20 keeps the last of a flat list's cookies only, when another header was set before.
      const bare = await names(await serve((app) => app.use(answer as express.RequestHandler)));
      expect(bare).toContain('y');
      expect(await names(await handle(answer))).toEqual([...bare, 'sid', 'mark']);
    }
  });

  it('keeps nothing of a handler that comes after somebody else has answered', async () => {
    let kept = false;
    store.beforeWrite = async () => {
      kept = true;
    };
    const url = await handle((request, response) => {
      request.session!.a = 1;
      (response.locals.answerFirst as () => void)();
      response.end('late');
    });
    const response = await fetch(url);
    expect([response.status, await response.text()]).toEqual([503, 'too late']);
    await sleep(20);
    expect(kept).toBe(false);
  });

  it('refuses and reports what comes after the first byte, also deep changes', async () => {
    const errors: unknown[] = [];
    const late: string[] = [];
    const onEvent = (event: SessionEvent) => void (event.type === 'late-change' && late.push(...event.keys));
    const url = await handle(
      async (request, response) => {
        const session = request.session!;
        session.cart = { apple: 1 };
        response.write('x');
        await new Promise((resolve) => setTimeout(resolve, 20));
        session.late = 1;
        (session.cart as Record<string, number>).apple = 2;
        for (const call of [session.regenerate(), session.save()])
          await call.catch((error: unknown) => errors.push(error));
        response.end();
      },
      { onEvent },
    );
    await (await fetch(url)).text();
    const refused = expect.objectContaining({ code: 'session_usage' });
    expect(errors).toEqual([refused, refused]);
    expect(late.sort()).toEqual(['cart', 'late', 'regenerate()']);
  });

  it('ends an open stream within a second of the logout', async () => {
    const url = await handle(async (request, response) => {
      if (request.url === '/login') request.session!.a = 1;
      if (request.url === '/logout') await request.session!.destroy();
      if (request.url === '/stream') return void response.write('data\n');
      response.end();
    });
    const limit = 1500 * patience();
    const took = await best(limit, async () => {
      const cookie = cookiesOf(await fetch(`${url}/login`));
      const closedAt = new Promise<number>((resolve) => {
        get(`${url}/stream`, { headers: { cookie } }, (response) => {
          response.once('data', () => void fetch(`${url}/logout`, { headers: { cookie } }));
          response.on('error', () => undefined).on('close', () => resolve(Date.now()));
        });
      });
      const start = Date.now();
      return (await closedAt) - start;
    });
    expect(took).toBeLessThan(limit);
  });

  it('expires both cookies by name at logout, also when nobody was logged in', async () => {
    const url = await handle(async (request, response) => {
      await request.session!.destroy();
      response.end(typeof request.session);
    });
    const response = await fetch(url);
    expect(await response.text()).toBe('undefined');
    expect(response.headers.getSetCookie()).toEqual([
      expect.stringMatching(/^sid=; Max-Age=0; Path=\/; HttpOnly/),
      expect.stringMatching(/^mark=; Max-Age=0; Path=\/; HttpOnly/),
    ]);
  });

  it('takes any cookie header for what it is', async () => {
    const url = await handle((request, response) => response.json(request.session));
    for (const cookie of [
      'sid',
      'sid=',
      'sid=%',
      'sid=%E0%A4%A',
      `sid=${'x'.repeat(10_000)}`,
      'sid="quoted"',
      ';;;=;',
    ]) {
      const response = await fetch(url, { headers: { cookie } });
      expect([response.status, await response.json()]).toEqual([200, {}]);
    }
  });

  it('carries Passport unchanged: new token at login, cart kept, logout ends it', async () => {
    const authenticator = new passport.Passport();
    authenticator.use(
      new Strategy((name, password, done) => done(null, password === 'right' && ({ id: name } as Express.User))),
    );
    authenticator.serializeUser((user, done) => done(null, user));
    authenticator.deserializeUser((user: Express.User, done) => done(null, user));
    const url = await serve((app) => {
      app.use(express.urlencoded({ extended: false }), authenticator.session() as express.RequestHandler);
      app.post('/cart', (request, response) => {
        (request as unknown as SessionRequest).session!.cart = { apple: 1 };
        response.end();
      });
      app.post(
        '/login',
        authenticator.authenticate('local', { keepSessionInfo: true }) as express.RequestHandler,
        (_request, response) => void response.redirect('/me'),
      );
      app.post('/logout', (request, response, next) =>
        request.logout((error) => (error ? next(error) : response.end())),
      );
      app.get(
        '/me',
        (request, response) =>
          void response.json({ user: request.user, ...(request as unknown as SessionRequest).session }),
      );
    }, {});
    const visitor = cookiesOf(await fetch(`${url}/cart`, { method: 'POST' }));
    const post = (path: string, cookie: string) =>
      fetch(url + path, {
        method: 'POST',
        redirect: 'manual',
        headers: { cookie },
        body: new URLSearchParams({ username: 'ann', password: 'right' }),
      });
    const login = await post('/login', visitor);
    expect(login.status).toBe(302);
    const signedIn = cookiesOf(login);
    const me = async (cookie: string) => (await fetch(`${url}/me`, { headers: { cookie } })).json();
    expect(await me(signedIn)).toMatchObject({ user: { id: 'ann' }, cart: { apple: 1 } });
    expect(await me(visitor)).toEqual({});
    const logout = await post('/logout', signedIn);
    expect(logout.headers.getSetCookie()[0]).toMatch(/^sid=; Max-Age=0/);
    expect(await me(signedIn)).toEqual({});
  });
});

it('a write that loses to others again and again is kept in the end', async () => {
  let lost = 0;
  const store = new (class extends MemorySessionStore {
    override async update(record: SessionRecord, base: SessionRecord): Promise<WriteResult> {
      return lost++ < 50 ? { status: 'conflict', current: base } : super.update(record, base);
    }
  })();
  const manager = new SessionManager({ store, secrets: ['k'.repeat(32)], secure: false });
  const request = await manager.open({ cookies: {} });
  request.session!.apple = 1;
  await request.persist();
  request.session!.apple = 2;
  await request.persist();
  await request.reload();
  expect(request.session!.apple).toBe(2);
  expect(lost).toBe(51);
});
