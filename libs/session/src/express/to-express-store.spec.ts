// A program on express-session behaves on roam's stores as on express-session's own MemoryStore, except where that one
// loses data or brings sessions back.
import type { AddressInfo } from 'node:net';
import { createRequire } from 'node:module';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import express, { type NextFunction, type Request, type RequestHandler, type Response } from 'express';
import passport from 'passport';
import { StoreUnavailableError } from '../core/errors.js';
import { MemorySessionStore, SharedMemory } from '../methods/memory/memory-session-store.js';
import type { SessionEvent } from '../core/options.js';
import type { SessionStore } from '../port/store.js';
import type { ExpressSession, ExpressStoreBase } from './express-session.js';
import { toExpressStore, type RoamExpressStore, type ToExpressStoreOptions } from './index.js';

interface Cookie {
  maxAge: number | null;
  expires: Date | null;
  originalMaxAge: number | null;
  sameSite?: string;
  [attribute: string]: unknown;
}
type Done = (error?: Error) => void;
interface Session {
  id: string;
  cookie: Cookie;
  regenerate(done: Done): void;
  destroy(done: Done): void;
  reload(done: (error?: Error) => void): void;
  save(done?: Done): void;
  touch(): void;
  [key: string]: unknown;
}
type Sessions = Omit<Request, 'session' | 'sessionID'> & {
  session: Session | null;
  sessionID: string;
  sessionStore: Store;
};
type Handler = (request: Sessions, response: Response, next: NextFunction) => unknown;
type Options = Record<string, unknown>;
type Store = RoamExpressStore & ExpressStoreBase;

const session = createRequire(import.meta.url)('express-session') as {
  (options: Options): RequestHandler;
  MemoryStore: new () => Store;
};

const stores: Record<string, () => Store> = {
  MemoryStore: () => new session.MemoryStore(),
  toExpressStore: () => toExpressStore(new MemorySessionStore()),
};

/** A site on express-session, and one browser of it. */
class Site {
  private readonly server;
  cookie: string | undefined;
  /** Status, body and the attributes of the cookie that was set, without times and values. */
  readonly seen: unknown[] = [];

  constructor(
    readonly store: Store,
    options: Options,
    routes: Record<string, Handler>,
  ) {
    const app = express();
    app.use(session({ secret: 'a secret', resave: false, saveUninitialized: false, store, ...options }));
    for (const [path, handler] of Object.entries(routes)) app.get(path, handler as unknown as RequestHandler);
    app.use((error: Error, _: Request, response: Response, next: NextFunction) => {
      if (response.headersSent) next(error);
      else response.status(500).send(error.name);
    });
    this.server = app.listen(0, '127.0.0.1');
  }

  async get(path: string, cookie = this.cookie): Promise<string> {
    if (!this.server.listening) await new Promise((resolve) => this.server.once('listening', resolve));
    const { port } = this.server.address() as AddressInfo;
    const headers = cookie === undefined ? undefined : { cookie };
    const response = await fetch(`http://127.0.0.1:${port}${path}`, { headers });
    const body = await response.text();
    const set = response.headers.getSetCookie()[0];
    const attributes = set
      ?.split('; ')
      .slice(1)
      .map((part) => part.replace(/^(Expires)=.*/, '$1'));
    if (set) this.cookie = set.split(';')[0];
    this.seen.push([path, response.status, body, attributes]);
    return body;
  }

  close(): void {
    this.server.closeAllConnections();
    this.server.close();
  }
}

const sites: Site[] = [];
afterEach(() => {
  for (const site of sites.splice(0)) site.close();
});

function open(store: Store, routes: Record<string, Handler>, options: Options = {}): Site {
  const site = new Site(store, options, routes);
  sites.push(site);
  return site;
}

const count: Handler = ({ session }, response) => {
  session!.views = ((session!.views as number | undefined) ?? 0) + 1;
  response.send(`${String(session!.views)}`);
};
const show: Handler = ({ session }, response) => {
  const { cookie, ...data } = session!;
  const { expires, _expires, originalMaxAge, ...attributes } = cookie;
  void _expires;
  response.json({
    data,
    attributes: {
      ...attributes,
      // express-session takes it from `expires` and a clock that may have gone on meanwhile: 3,599,999 for an hour.
      originalMaxAge: originalMaxAge === null ? null : Math.ceil(originalMaxAge / 1000),
      expires: expires === null ? null : typeof expires?.getTime,
    },
  });
};
const look: Handler = (request, response) => response.json(request.session?.views ?? null);
const promised = <T>(call: (done: (error?: unknown, value?: T | null) => void) => void) =>
  new Promise<T | null | undefined>((resolve, reject) => {
    call((error, value) => (error instanceof Error ? reject(error) : resolve(value)));
  });

/** What a program can observe; each is run on both stores. */
const behaviours: Record<string, (make: () => Store) => Promise<unknown>> = {
  'a session through requests, with every combination of options': async (make) => {
    const all: unknown[] = [];
    for (const resave of [false, true])
      for (const rolling of [false, true])
        for (const saveUninitialized of [false, true])
          for (const maxAge of [undefined, 60_000]) {
            const site = open(
              make(),
              { '/count': count, '/look': look },
              {
                resave,
                rolling,
                saveUninitialized,
                cookie: { maxAge },
              },
            );
            for (const path of ['/look', '/count', '/look', '/count', '/count', '/look']) await site.get(path);
            all.push(site.seen);
          }
    return all;
  },

  'regenerate: an empty session, another id, the old one dead': async (make) => {
    const site = open(make(), {
      '/count': count,
      '/look': look,
      '/new': (request, response) => {
        const before = request.sessionID;
        request.session!.regenerate((error) => {
          request.session!.views = 100;
          response.json([error ?? null, before === request.sessionID, request.session!.id === request.sessionID]);
        });
      },
    });
    await site.get('/count');
    const old = site.cookie;
    await site.get('/new');
    await site.get('/count');
    await site.get('/look', old);
    return site.seen;
  },

  'destroy: the cookie opens nothing any more': async (make) => {
    const site = open(make(), {
      '/count': count,
      '/look': look,
      '/out': (request, response) =>
        request.session!.destroy((error) => response.json([error ?? null, request.session ?? null])),
    });
    await site.get('/count');
    await site.get('/out');
    await site.get('/look');
    await site.get('/count');
    return site.seen;
  },

  'unset: destroy': async (make) => {
    const site = open(
      make(),
      {
        '/count': count,
        '/look': look,
        '/out': (request, response) => {
          request.session = null;
          response.send('out');
        },
      },
      { unset: 'destroy' },
    );
    for (const path of ['/count', '/count', '/out', '/look', '/count']) await site.get(path);
    return site.seen;
  },

  'reload drops what was not saved; save keeps it; both once more': async (make) => {
    const site = open(make(), {
      '/look': look,
      '/count': count,
      '/reload': (request, response) => {
        request.session!.views = 'unsaved';
        request.session!.reload((error) => response.json([error ?? null, request.session!.views]));
      },
      '/save': (request, response) => {
        request.session!.views = 'saved';
        request.session!.save((error) => {
          request.session!.views = 'lost by reload';
          request.session!.reload(() => response.json([error ?? null, request.session!.views]));
        });
      },
      '/twice': (request, response) => {
        request.session!.a = 1;
        request.session!.save(() => {
          delete request.session!.views;
          request.session!.b = 2;
          request.session!.save(() => response.send('ok'));
        });
      },
      '/show': show,
    });
    for (const path of ['/count', '/reload', '/look', '/save', '/look', '/twice', '/show']) await site.get(path);
    return site.seen;
  },

  'reload of a session that is not there': async (make) => {
    const site = open(make(), {
      '/': (request, response) => request.session!.reload((error) => response.send((error as Error).message)),
    });
    await site.get('/');
    return site.seen;
  },

  "the cookie's attributes are kept": async (make) => {
    const all: unknown[] = [];
    for (const cookie of [
      {},
      { maxAge: 5000, sameSite: 'strict', httpOnly: false, path: '/', domain: '127.0.0.1' },
      { sameSite: true, priority: 'high', partitioned: true },
      { maxAge: null },
      { expires: new Date(Date.now() + 60_000) },
    ]) {
      const site = open(make(), { '/count': count, '/show': show }, { cookie });
      await site.get('/count');
      await site.get('/show');
      all.push(site.seen);
    }
    return all;
  },

  "the cookie can be changed by a request that changes nothing else, longer, shorter and to the browser's end": async (
    make,
  ) => {
    const site = open(
      make(),
      {
        '/count': count,
        '/show': show,
        '/long': (request, response) => response.send(String((request.session!.cookie.maxAge = 3_600_000))),
        '/none': (request, response) => response.send(String((request.session!.cookie.maxAge = null))),
        '/lax': (request, response) => response.send(String((request.session!.cookie.sameSite = 'lax'))),
        '/short': (request, response) => response.send(String((request.session!.cookie.maxAge = 100))),
        '/look': look,
      },
      { cookie: { maxAge: 60_000 } },
    );
    for (const path of ['/count', '/long', '/show', '/none', '/show', '/lax', '/show', '/short']) await site.get(path);
    await sleep(150);
    await site.get('/look');
    return site.seen;
  },

  'a session that was shortened lives as long as it is used, and can be long again': async (make) => {
    const site = open(
      make(),
      {
        '/count': count,
        '/look': look,
        '/short': (request, response) => response.send(String((request.session!.cookie.maxAge = 1000))),
        '/long': (request, response) => response.send(String((request.session!.cookie.maxAge = 90_000_000))),
      },
      { cookie: { maxAge: 60_000 } },
    );
    await site.get('/count');
    await site.get('/short');
    for (let i = 0; i < 4; i++) {
      await sleep(300);
      await site.get('/look');
    }
    await site.get('/long');
    await sleep(1100);
    await site.get('/look');
    return site.seen;
  },

  'a session ends when its cookie has expired, not before': async (make) => {
    const site = open(make(), { '/count': count, '/look': look }, { cookie: { maxAge: 800 } });
    await site.get('/count');
    for (let i = 0; i < 3; i++) {
      await sleep(300);
      await site.get('/look');
    }
    await sleep(850);
    await site.get('/look');
    await site.get('/count');
    return site.seen;
  },

  'content as JSON carries it': async (make) => {
    const site = open(make(), {
      '/put': (request, response) => {
        Object.assign(request.session!, {
          date: new Date(0),
          none: undefined,
          nil: null,
          act: () => 1,
          deep: { list: [1, [2, { three: '3' }]], text: '𝄞 "quoted" \\ \u0000 ü' },
          number: 1.5e300,
          empty: {},
          big: 'x'.repeat(200_000),
          '': 'no name',
          toJSONed: { toJSON: () => 'as JSON says' },
        });
        response.send('ok');
      },
      '/deeper': (request, response) => {
        (request.session!.deep as { list: unknown[] }).list.push('more');
        response.send('ok');
      },
      '/show': show,
    });
    for (const path of ['/put', '/show', '/deeper', '/show']) await site.get(path);
    return site.seen;
  },

  'a program that names its sessions itself, and uses a name again after its end': async (make) => {
    const site = open(
      make(),
      {
        '/count': count,
        '/look': look,
        '/new': (request, response) =>
          request.session!.regenerate(() => {
            request.session!.views = 10;
            response.send('new');
          }),
        '/out': (request, response) => request.session!.destroy(() => response.send('out')),
      },
      { genid: () => 'always-the-same' },
    );
    for (const path of ['/count', '/count', '/new', '/count', '/out', '/look', '/count', '/count', '/new', '/count'])
      await site.get(path);
    return site.seen;
  },

  'what a stranger sends as a cookie': async (make) => {
    const site = open(make(), { '/count': count, '/look': look });
    for (const bad of ['connect.sid=x', 'connect.sid=s%3Ax.y', 'connect.sid=s%3A.', 'connect.sid=', 'x'])
      await site.get('/look', bad);
    return site.seen;
  },

  'a login with Passport': async (make) => {
    const users = new passport.Passport();
    users.serializeUser((user, done) => done(null, user));
    users.deserializeUser((user: Express.User, done) => done(null, user));
    const app = open(make(), {
      '/login': (request, response, next) => {
        const init = users.initialize() as unknown as Handler;
        init(request, response, () =>
          (users.session() as unknown as Handler)(request, response, () =>
            request.login({ name: 'ada' } as never, (error: unknown) =>
              error ? next(error) : response.json(request.user),
            ),
          ),
        );
      },
      '/me': (request, response, next) =>
        (users.session() as unknown as Handler)(request, response, (error?: unknown) =>
          error ? next(error) : response.json(request.user ?? null),
        ),
      '/count': count,
    });
    await app.get('/count');
    for (const path of ['/login', '/me', '/count', '/me']) await app.get(path);
    return app.seen;
  },

  'the store by itself': async (make) => {
    const store = make();
    const sess = (data: object) => ({ cookie: { originalMaxAge: null, expires: null }, ...data }) as ExpressSession;
    const results: unknown[] = [];
    const get = async (sid: string) => results.push([sid.slice(0, 20), await promised((done) => store.get(sid, done))]);
    const call = async (act: (done: (error?: unknown) => void) => void) =>
      results.push((await promised(act)) ?? 'no value');
    for (const sid of ['plain', '', '__proto__', '../../etc/passwd', '💣'.repeat(300), 'x\u0000y', 'constructor']) {
      await call((done) => store.touch(sid, sess({}), done));
      await get(sid);
      await call((done) => store.set(sid, sess({ sid }), done));
      await call((done) => store.set(sid, sess({ sid, again: true }), done));
      await get(sid);
      await call((done) => store.touch(sid, sess({ only: 'the cookie' }), done));
      await get(sid);
      await call((done) => store.destroy(sid, done));
      await call((done) => store.destroy(sid, done));
      await call((done) => store.touch(sid, sess({}), done));
      await get(sid);
    }
    store.set('a', sess({ n: 1 }));
    store.set('b', { n: 2 } as unknown as ExpressSession);
    store.set('gone', sess({ n: 3 }));
    await get('a');
    await get('b');
    store.destroy('gone');
    await sleep(20);
    const all = await promised<ExpressSession[]>((done) => store.all!(done));
    results.push(
      Object.values(all!)
        .map((one) => JSON.stringify(one))
        .sort(),
    );
    results.push(await promised((done) => store.length!(done)));
    await call((done) => store.clear!(done));
    results.push(await promised((done) => store.length!(done)));
    await get('a');
    await call((done) => store.set('a', sess({ n: 'after clear' }), done));
    await get('a');
    results.push(await promised((done) => store.load('nobody', done as never)));
    const loaded = (await promised<never>((done) => store.load('a', done))) as unknown as Session;
    results.push([loaded.id, loaded.n, typeof loaded.save, Object.keys(loaded)]);
    return results;
  },
};

describe('toExpressStore', () => {
  for (const [name, behave] of Object.entries(behaviours)) {
    it(`is as MemoryStore is: ${name}`, async () => {
      const [expected, actual] = await Promise.all([behave(stores.MemoryStore), behave(stores.toExpressStore)]);
      expect(actual).toEqual(expected);
    });
  }

  describe('does better', () => {
    const slowSite = (store: Store, options: Options = {}) => {
      const gates = new Map<string, () => void>();
      const site = open(
        store,
        {
          '/slow/:key': async (request, response) => {
            if (request.params.key !== 'nothing') request.session![request.params.key as string] = true;
            await new Promise<void>((resolve) => gates.set(request.params.key as string, resolve));
            response.send('slow');
          },
          '/out': (request, response) => request.session!.destroy(() => response.send('out')),
          '/count': count,
          '/look': look,
          '/show': show,
        },
        options,
      );
      const started = async (key: string) => {
        while (!gates.has(key)) await sleep(5);
        return gates.get(key)!;
      };
      return { site, started };
    };

    it('keeps what parallel requests put under different keys (express-session loses one)', async () => {
      const { site, started } = slowSite(stores.toExpressStore());
      await site.get('/count');
      const parallel = ['a', 'b', 'c'].map((key) => site.get(`/slow/${key}`));
      for (const key of ['a', 'b', 'c']) (await started(key))();
      await Promise.all(parallel);
      expect(JSON.parse(await site.get('/show'))).toMatchObject({ data: { views: 1, a: true, b: true, c: true } });
    });

    it.each([false, true])(
      'does not bring a destroyed session back by a slow request (expressjs/session#632), resave: %s',
      async (resave) => {
        for (const key of ['a', 'nothing']) {
          const events: SessionEvent[] = [];
          const store = toExpressStore(new MemorySessionStore(), { onEvent: (event) => events.push(event) });
          const { site, started } = slowSite(store, { resave });
          await site.get('/count');
          const { cookie } = site;
          const slow = site.get(`/slow/${key}`);
          const finish = await started(key);
          await site.get('/out');
          finish();
          expect(await slow).toBe('slow');
          expect(await site.get('/look', cookie)).toBe('null');
          if (key === 'a') expect(events).toEqual([expect.objectContaining({ type: 'revival-refused' })]);
        }
      },
    );

    it('shares sessions between servers, and keeps nothing of the sid in the store', async () => {
      const memory = new SharedMemory();
      const server = (options?: ToExpressStoreOptions) =>
        open(toExpressStore(new MemorySessionStore(memory), options), { '/count': count, '/look': look });
      const [a, b] = [server(), server()];
      await a.get('/count');
      expect(await b.get('/count', a.cookie)).toBe('2');
      const sid = decodeURIComponent(a.cookie!)
        .replace(/^connect\.sid=s:/, '')
        .split('.')[0];
      expect(JSON.stringify([...memory.records])).not.toContain(sid);
    });
  });

  it('ends a session at the absolute limit, and one without an expiry after the default time', async () => {
    let now = Date.now();
    const clock = jest.spyOn(Date, 'now').mockImplementation(() => now);
    const ended = async (options: ToExpressStoreOptions) => {
      const site = open(toExpressStore(new MemorySessionStore(), options), { '/count': count });
      await site.get('/count');
      const seen: string[] = [];
      for (let i = 0; i < 4; i++) {
        now += 100;
        seen.push(await site.get('/count'));
      }
      return seen;
    };
    expect(await ended({ lifetime: 250 })).toContain('1');
    expect(await ended({ ttl: 250 })).toEqual(['2', '3', '4', '5']);
    expect(await ended({ ttl: 50 })).toEqual(['1', '1', '1', '1']);
    clock.mockRestore();
  });

  it('passes a fault of the store on, and never takes it for "no session"', async () => {
    const down = () => Promise.reject(new StoreUnavailableError('on purpose'));
    const memory = new MemorySessionStore();
    const cut = {
      capabilities: memory.capabilities,
      find: down,
      create: down,
      update: down,
      touch: down,
      destroy: down,
    };
    const store = toExpressStore(cut as unknown as SessionStore) as Store;
    const sess = { cookie: { originalMaxAge: null } };
    for (const call of [
      (done: (error?: unknown) => void) => store.get('x', done),
      (done: (error?: unknown) => void) => store.set('x', sess, done),
      (done: (error?: unknown) => void) => store.touch('x', sess, done),
      (done: (error?: unknown) => void) => store.destroy('x', done),
    ])
      await expect(promised(call)).rejects.toThrow(StoreUnavailableError);
    const site = open(store, { '/look': look });
    await site.get('/look', open(stores.MemoryStore(), {}).cookie);
    const whole = open(stores.toExpressStore(), { '/count': count });
    await whole.get('/count');
    expect(await site.get('/look', whole.cookie)).toBe('StoreUnavailableError');
  });

  it('refuses what reaches a prototype, and what is too large', async () => {
    const store = toExpressStore(new MemorySessionStore(), { maxBytes: 1000 }) as Store;
    const set = (data: unknown) =>
      promised((done) => store.set('x', { cookie: { originalMaxAge: null }, data } as ExpressSession, done));
    await expect(set(JSON.parse('{"a":{"__proto__":{"admin":true}}}'))).rejects.toThrow('prototype');
    await expect(set('x'.repeat(2000))).rejects.toThrow('the limit is 1000');
    await expect(set('fits')).resolves.toBeUndefined();
  });
});
