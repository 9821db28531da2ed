// A program on express-session behaves on roam's stores as on express-session's own MemoryStore.
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, jest } from '@jest/globals';
import passport from 'passport';
import type { ExpressSession } from './express-session.js';
import {
  count,
  look,
  openSite,
  promised,
  show,
  stores,
  type Handler,
  type Session,
  type Store,
} from './testing/express-site.js';

// Hundreds of requests in one test, on a machine that may be busy.
jest.setTimeout(60_000);

/** What a program can observe; each is run on both stores. */
const behaviours: Record<string, (make: () => Store) => Promise<unknown>> = {
  'a session through requests, with every combination of options': async (make) => {
    const all: unknown[] = [];
    for (const resave of [false, true])
      for (const rolling of [false, true])
        for (const saveUninitialized of [false, true])
          for (const maxAge of [undefined, 60_000]) {
            const site = openSite(
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
    const site = openSite(make(), {
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
    const site = openSite(make(), {
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
    const site = openSite(
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
    const site = openSite(make(), {
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
    const site = openSite(make(), {
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
      const site = openSite(make(), { '/count': count, '/show': show }, { cookie });
      await site.get('/count');
      await site.get('/show');
      all.push(site.seen);
    }
    return all;
  },

  "the cookie can be changed by a request that changes nothing else, longer, shorter and to the browser's end": async (
    make,
  ) => {
    const site = openSite(
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
    const site = openSite(
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
    const site = openSite(make(), { '/count': count, '/look': look }, { cookie: { maxAge: 800 } });
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
    const site = openSite(make(), {
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
    const site = openSite(
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
    const site = openSite(make(), { '/count': count, '/look': look });
    for (const bad of ['connect.sid=x', 'connect.sid=s%3Ax.y', 'connect.sid=s%3A.', 'connect.sid=', 'x'])
      await site.get('/look', bad);
    return site.seen;
  },

  'a login with Passport': async (make) => {
    const users = new passport.Passport();
    users.serializeUser((user, done) => done(null, user));
    users.deserializeUser((user: Express.User, done) => done(null, user));
    const app = openSite(make(), {
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
});
