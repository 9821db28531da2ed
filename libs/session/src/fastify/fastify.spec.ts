// Sessions in a Fastify app, over real HTTP: as the middleware's under Express.
import { once } from 'node:events';
import { ServerResponse, type IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  fastify,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  type FastifyServerOptions,
} from 'fastify';
import passport from 'passport';
import { Strategy } from 'passport-local';
import { StoreUnavailableError } from '../core/errors.js';
import type { SessionEvent, SessionOptions } from '../core/options.js';
import { Session } from '../core/session.js';
import type { SessionRequest } from '../http/middleware.js';
import { SessionManager } from '../manager.js';
import { MemorySessionStore, SharedMemory } from '../methods/memory/memory-session-store.js';
import { sessions } from './index.js';

type Handler = (request: FastifyRequest, reply: FastifyReply) => unknown;

const apps: FastifyInstance[] = [];
let memory: SharedMemory;
let events: SessionEvent[];

beforeEach(() => {
  memory = new SharedMemory();
  events = [];
});

afterEach(async () => {
  for (const app of apps.splice(0)) await app.close();
});

const managerWith = (options: Partial<SessionOptions> = {}) =>
  new SessionManager({
    store: new MemorySessionStore(memory),
    secrets: ['s'.repeat(32)],
    secure: false,
    onEvent: (event) => void events.push(event),
    ...options,
  });

/** An app whose close breaks off what is still open. */
function newApp(options: FastifyServerOptions = {}): FastifyInstance {
  const app = fastify({ forceCloseConnections: true, ...options } as FastifyServerOptions);
  apps.push(app);
  return app;
}

/** Serves these routes, with sessions. */
async function serve(
  routes: Record<string, Handler>,
  options: Partial<SessionOptions> = {},
  app: FastifyInstance = newApp(),
): Promise<string> {
  await app.register(sessions, { manager: managerWith(options) });
  for (const [path, handler] of Object.entries(routes)) app.get(path, handler as never);
  return app.listen({ port: 0, host: '127.0.0.1' });
}

const cookiesOf = (response: Response) =>
  response.headers
    .getSetCookie()
    .map((cookie) => cookie.split(';')[0])
    .join('; ');
const namesOf = (response: Response) => response.headers.getSetCookie().map((cookie) => cookie.split('=')[0]);

/** A store that takes no session. */
class FullStore extends MemorySessionStore {
  override create(): Promise<never> {
    return Promise.reject(new StoreUnavailableError('on purpose'));
  }
}

const count: Handler = async ({ session }) => {
  session!.count = ((session!.count as number | undefined) ?? 0) + 1;
  return { count: session!.count };
};

describe('request.session in Fastify', () => {
  it("is the session, and that of Node's own request too", async () => {
    const url = await serve({
      '/': async (request) => {
        const { session, sessionID } = request;
        const raw = request.raw as SessionRequest;
        return [
          session instanceof Session,
          session === raw.session,
          sessionID === session!.id,
          raw.sessionID === sessionID,
        ];
      },
      '/count': count,
    });
    expect(await (await fetch(url)).json()).toEqual([true, true, true, true]);
    const first = await fetch(`${url}/count`);
    expect([await first.json(), namesOf(first)]).toEqual([{ count: 1 }, ['sid', 'mark']]);
    const second = await fetch(`${url}/count`, { headers: { cookie: cookiesOf(first) } });
    expect([await second.json(), namesOf(second)]).toEqual([{ count: 2 }, ['mark']]);
  });

  it('costs a visitor no cookie, and an answer that was not made from it no header', async () => {
    const url = await serve({ '/': async () => 'ok', '/look': async ({ session }) => ({ ...session }) });
    const [plain, looked] = [await fetch(url), await fetch(`${url}/look`)];
    expect([plain.headers.has('set-cookie'), plain.headers.get('cache-control')]).toEqual([false, null]);
    expect([looked.headers.has('set-cookie'), looked.headers.get('cache-control')]).toEqual([
      false,
      'private, no-store',
    ]);
  });

  it.each<[string, (request: FastifyRequest) => unknown]>([
    ['null', (request) => ((request as { session: unknown }).session = null)],
    ['undefined', (request) => (request.session = undefined)],
    ['nothing', (request) => delete request.session],
    ["nothing at Node's request", (request) => delete (request.raw as SessionRequest).session],
  ])('signs out when a handler leaves %s there', async (_, leave) => {
    const url = await serve({
      '/': count,
      '/out': async (request) => {
        leave(request);
        return [request.session ?? 'none', (request.raw as SessionRequest).session ?? 'none'];
      },
    });
    const headers = { cookie: cookiesOf(await fetch(url)) };
    const answer = await fetch(`${url}/out`, { headers });
    expect([await answer.json(), cookiesOf(answer)]).toEqual([['none', 'none'], 'sid=; mark=']);
    expect(await (await fetch(url, { headers })).json()).toEqual({ count: 1 });
  });

  it('is another one after regenerate, and none after destroy', async () => {
    const url = await serve({
      '/': count,
      '/in': async (request) => {
        await request.session!.regenerate();
        request.session!.user = 'ann';
        return { ...request.session };
      },
      '/out': async (request) => {
        await request.session!.destroy();
        return typeof request.session;
      },
    });
    const visitor = cookiesOf(await fetch(url));
    const login = await fetch(`${url}/in`, { headers: { cookie: visitor } });
    expect([await login.json(), namesOf(login)]).toEqual([{ user: 'ann' }, ['sid', 'mark']]);
    expect(await (await fetch(url, { headers: { cookie: visitor } })).json()).toEqual({ count: 1 });
    const logout = await fetch(`${url}/out`, { headers: { cookie: cookiesOf(login) } });
    expect([await logout.text(), cookiesOf(logout)]).toEqual(['undefined', 'sid=; mark=']);
  });

  it('is there in every hook, in plugins within, and where no route is', async () => {
    const app = newApp();
    const seen: string[] = [];
    const see = (where: string) => async (request: FastifyRequest) => {
      seen.push(`${where} ${request.session instanceof Session}`);
    };
    // Asked for before the sessions are, these run after them all the same.
    await app.register(async (child) => {
      child.addHook('preHandler', see('preHandler'));
      child.get('/child', async ({ session }) => `child ${session instanceof Session}`);
    });
    app.addHook('onResponse', see('onResponse'));
    app.addHook('onSend', see('onSend'));
    app.setNotFoundHandler(async ({ session }: FastifyRequest) => `missing ${session instanceof Session}`);
    const url = await serve({}, {}, app);
    expect(await (await fetch(`${url}/child`)).text()).toBe('child true');
    expect(await (await fetch(`${url}/nowhere`)).text()).toBe('missing true');
    expect(new Set(seen)).toEqual(new Set(['preHandler true', 'onSend true', 'onResponse true']));
  });
});

describe('Passport', () => {
  it("signs in and out with Fastify's request, as Nest's guards call it", async () => {
    const authenticator = new passport.Passport();
    authenticator.use(
      new Strategy((name, password, done) => done(null, password === 'right' && ({ id: name } as Express.User))),
    );
    authenticator.serializeUser((user, done) => done(null, user));
    authenticator.deserializeUser((user: Express.User, done) => done(null, user));
    type Middleware = (request: unknown, reply: unknown, next: (error?: Error) => void) => void;
    const run = (middleware: Middleware, request: FastifyRequest, reply: FastifyReply) =>
      new Promise<void>((resolve, reject) =>
        middleware(request, reply, (error) => (error ? reject(error) : resolve())),
      );
    const app = newApp();
    const options = { keepSessionInfo: true };
    app.post('/in', async (request, reply) => {
      await run(authenticator.authenticate('local', options) as Middleware, request, reply);
      return { ...request.session };
    });
    app.post('/out', async (request, reply) => {
      await run(authenticator.session() as Middleware, request, reply);
      const { user } = request as unknown as Express.Request;
      await run((_, __, next) => (request as unknown as Express.Request).logout(next), request, reply);
      return { user };
    });
    const url = await serve({ '/': count }, {}, app);
    const visitor = cookiesOf(await fetch(url));
    const post = (path: string, cookie: string) =>
      fetch(url + path, {
        method: 'POST',
        headers: { cookie, 'content-type': 'application/json' },
        body: JSON.stringify({ username: 'ann', password: 'right' }),
      });
    const login = await post('/in', visitor);
    expect(await login.json()).toEqual({ count: 1, passport: { user: { id: 'ann' } } });
    const logout = await post('/out', cookiesOf(login));
    expect([await logout.json(), namesOf(logout)[0]]).toEqual([{ user: { id: 'ann' } }, 'sid']);
    for (const cookie of [visitor, cookiesOf(login)])
      expect(await (await fetch(url, { headers: { cookie } })).json()).toEqual({ count: 1 });
  });
});

describe('an answer of Fastify', () => {
  const change: Handler = async (request, reply) => {
    request.session!.a = 1;
    return reply;
  };

  it('leaves no byte before the session is stored', async () => {
    let release = () => undefined as void;
    const held = new Promise<void>((resolve) => (release = resolve));
    let asked = () => undefined as void;
    const writing = new Promise<void>((resolve) => (asked = resolve));
    class SlowStore extends MemorySessionStore {
      override async create(...args: Parameters<MemorySessionStore['create']>) {
        asked();
        await held;
        return super.create(...args);
      }
    }
    const url = await serve({ '/': count }, { store: new SlowStore(memory) });
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    let received = '';
    socket.on('data', (bytes: Buffer) => {
      expect(memory.records.size).toBe(1);
      received += bytes.toString();
    });
    socket.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    await writing;
    // Its turn of the event loop, had it been sent.
    for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate);
    expect(received).toBe('');
    release();
    await once(socket, 'close');
    expect(received).toMatch(/^HTTP\/1\.1 200 [^]*set-cookie: sid=[^]*\{"count":1\}$/i);
  });

  it("has the session's cookies and the app's own, wherever these were set", async () => {
    const url = await serve({
      '/reply': (request, reply) => {
        void change(request, reply);
        return reply.header('set-cookie', 'x=1').header('Set-Cookie', ['y=2']).send('ok');
      },
      '/raw': (request, reply) => {
        void change(request, reply);
        reply.raw.setHeader('Set-Cookie', ['x=1', 'y=2']);
        return reply.send('ok');
      },
      '/hijack': (request, reply) => {
        void change(request, reply);
        reply.hijack();
        reply.raw.writeHead(200, { 'Set-Cookie': ['x=1', 'y=2'] }).end('ok');
      },
      '/redirect': (request, reply) => {
        void change(request, reply);
        return reply.header('set-cookie', ['x=1', 'y=2']).redirect('/reply');
      },
    });
    for (const path of ['/reply', '/raw', '/hijack', '/redirect']) {
      const answer = await fetch(url + path, { redirect: 'manual' });
      expect([path, answer.status, namesOf(answer)]).toEqual([
        path,
        path === '/redirect' ? 302 : 200,
        ['x', 'y', 'sid', 'mark'],
      ]);
    }
  });

  it.each<[string, Handler]>([
    ['a stream', (_, reply) => reply.send(Readable.from(['one ', 'two ', 'three']))],
    ['a web stream', (_, reply) => reply.send(Readable.toWeb(Readable.from([Buffer.from('one two three')])))],
    ['a Response', (_, reply) => reply.send(new Response('one two three'))],
    [
      'a long stream',
      (_, reply) => reply.send(Readable.from(Array.from({ length: 300 }, () => Buffer.alloc(10_000, 'b')))),
    ],
  ])('may be %s', async (name, send) => {
    const url = await serve({
      '/': (request, reply) => {
        request.session!.a = 1;
        return send(request, reply);
      },
    });
    const answer = await fetch(url);
    expect(await answer.text()).toBe(name === 'a long stream' ? 'b'.repeat(3_000_000) : 'one two three');
    expect(namesOf(answer)).toEqual(['sid', 'mark']);
  });

  it('may be one to HEAD, or one without a body', async () => {
    const url = await serve({
      '/': count,
      '/same': (request, reply) => {
        request.session!.a = 1;
        return reply.code(304).send();
      },
      '/none': (request, reply) => {
        request.session!.a = 1;
        return reply.code(204).send();
      },
    });
    for (const [method, path, status] of [
      ['HEAD', '/', 200],
      ['GET', '/same', 304],
      ['GET', '/none', 204],
    ] as const) {
      const answer = await fetch(url + path, { method });
      expect([path, answer.status, await answer.text(), namesOf(answer)]).toEqual([path, status, '', ['sid', 'mark']]);
    }
  });

  it('to an error keeps what the handler has changed before it, as under Express', async () => {
    const app = newApp();
    app.setErrorHandler((error: Error, _, reply) => reply.code(418).send({ error: error.message }));
    const url = await serve(
      {
        '/': async ({ session }) => {
          session!.failures = 1;
          throw new Error('on purpose');
        },
        '/look': async ({ session }) => ({ ...session }),
      },
      {},
      app,
    );
    const answer = await fetch(url);
    expect([answer.status, await answer.json()]).toEqual([418, { error: 'on purpose' }]);
    const headers = { cookie: cookiesOf(answer) };
    expect(await (await fetch(`${url}/look`, { headers })).json()).toEqual({ failures: 1 });
  });

  it('is replaced when the commit fails, but for what was set before the sessions', async () => {
    const app = newApp();
    app.addHook('onRequest', async (_, reply) => void reply.header('X-Request-Id', 'kept'));
    const store = new FullStore(memory);
    const url = await serve(
      {
        '/': (request, reply) => {
          request.session!.a = 1;
          return reply.code(201).headers({ 'X-Mine': 'gone', 'set-cookie': 'mine=gone' }).send({ done: true });
        },
      },
      { store },
      app,
    );
    const answer = await fetch(url);
    expect(await answer.json()).toEqual({ error: { code: 'session_store_unavailable', message: 'on purpose' } });
    const shown = [answer.status, answer.headers.get('x-request-id'), answer.headers.get('x-mine'), namesOf(answer)];
    expect(shown).toEqual([503, 'kept', null, []]);
  });

  it('is 503 when the store cannot be read; no handler runs, and onResponse does', async () => {
    const app = newApp();
    const ran: string[] = [];
    app.addHook('onRequest', async (_, reply) => void reply.header('X-Request-Id', 'kept'));
    app.addHook('onResponse', async (_, { statusCode }) => void ran.push(`onResponse ${statusCode}`));
    const store = new MemorySessionStore(memory);
    const url = await serve({ '/': count, '/other': async () => void ran.push('handler') }, { store }, app);
    const headers = { cookie: cookiesOf(await fetch(url)) };
    store.find = () => Promise.reject(new StoreUnavailableError('on purpose'));
    const answer = await fetch(`${url}/other`, { headers });
    expect([answer.status, answer.headers.get('x-request-id')]).toEqual([503, 'kept']);
    while (ran.length < 2) await new Promise(setImmediate);
    expect(ran).toEqual(['onResponse 200', 'onResponse 503']);
  });

  it('reports what is changed after its first byte', async () => {
    const url = await serve({
      '/': async (request, reply) => {
        request.session!.a = 1;
        await reply.send('ok');
        request.session!.late = 1;
      },
    });
    await (await fetch(url)).text();
    while (!events.some(({ type }) => type === 'late-change')) await new Promise(setImmediate);
    expect(events).toMatchObject([{ type: 'late-change', keys: ['late'] }]);
  });
});

describe('a connection that is upgraded', () => {
  it('has no request.session, and whoever asks for it hears what to do', async () => {
    const app = newApp();
    const heard: unknown[] = [];
    const manager = managerWith();
    // As @fastify/websocket does it.
    app.server.on('upgrade', (raw: IncomingMessage, socket: Socket) => {
      const response = new ServerResponse(raw);
      response.assignSocket(socket);
      app.routing(raw, response);
    });
    app.get('/socket', async (request, reply) => {
      try {
        heard.push(request.session);
      } catch (error) {
        heard.push((error as Error).message);
      }
      heard.push((await manager.openUpgrade(request.raw))?.content);
      reply.hijack();
      request.raw.socket.end();
    });
    const url = await serve({ '/': count }, {}, app);
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    const cookie = cookiesOf(await fetch(url));
    const lines = ['GET /socket HTTP/1.1', `Cookie: ${cookie}`, 'Host: x', 'Connection: Upgrade', 'Upgrade: websocket'];
    socket.write(`${lines.join('\r\n')}\r\n\r\n`);
    await once(socket.resume(), 'close');
    expect(heard).toEqual([expect.stringContaining('openUpgrade(request.raw)'), { count: 1 }]);
  });
});

describe('https', () => {
  const isSecure = async (options: FastifyServerOptions) => {
    const app = newApp(options);
    const url = await serve({ '/': count }, { secure: 'auto' }, app);
    return namesOf(await fetch(url, { headers: { 'x-forwarded-proto': 'https' } }))[0] === '__Host-sid';
  };

  it("is what Fastify's trustProxy says", async () => {
    expect(await isSecure({ trustProxy: '127.0.0.1' })).toBe(true);
    expect(await isSecure({ trustProxy: '192.0.2.1' })).toBe(false);
    expect(await isSecure({})).toBe(false);
  });
});

describe('the plugin', () => {
  it('serves once when it is registered twice: the first one', async () => {
    const app = newApp();
    await app.register(sessions, { manager: managerWith({ name: 'first' }) });
    await app.register(async (child) => {
      await child.register(sessions, { manager: managerWith({ name: 'third' }) });
      child.get('/child', count as never);
    });
    const url = await serve({ '/': count }, { name: 'second' }, app);
    expect(namesOf(await fetch(url))).toEqual(['first', 'first-mark']);
    expect(namesOf(await fetch(`${url}/child`))).toEqual(['first', 'first-mark']);
  });

  it('gives contexts beside each other sessions of their own, and others none', async () => {
    const app = newApp();
    for (const name of ['one', 'two'])
      await app.register(async (child) => {
        await child.register(sessions, { manager: managerWith({ name }) });
        child.get(`/${name}`, count as never);
      });
    app.get('/', async ({ session }) => typeof session);
    const url = await app.listen({ port: 0, host: '127.0.0.1' });
    for (const name of ['one', 'two']) expect(namesOf(await fetch(`${url}/${name}`))).toEqual([name, `${name}-mark`]);
    expect(await (await fetch(url)).text()).toBe('undefined');
  });

  it.each<[string, (app: FastifyInstance) => unknown, FastifyServerOptions]>([
    ['HTTP/1.1, and this Fastify serves HTTP/2', () => undefined, { http2: true } as FastifyServerOptions],
    ['Another plugin of this Fastify has request.session', (app) => app.decorateRequest('session', undefined), {}],
  ])('refuses to start where it cannot serve: %s', async (reason, prepare, options) => {
    const app = newApp(options);
    prepare(app);
    await expect(serve({}, {}, app)).rejects.toThrow(reason);
  });
});
