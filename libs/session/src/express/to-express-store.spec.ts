// What roam's stores do better under express-session than its own MemoryStore, and what they refuse.
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, jest } from '@jest/globals';
import { StoreUnavailableError } from '../core/errors.js';
import { MemorySessionStore, SharedMemory } from '../methods/memory/memory-session-store.js';
import type { SessionEvent } from '../core/options.js';
import type { SessionStore } from '../port/store.js';
import type { ExpressSession } from './express-session.js';
import { toExpressStore, type ToExpressStoreOptions } from './index.js';
import { count, look, openSite, promised, show, stores, type Options, type Store } from './testing/express-site.js';

describe('toExpressStore', () => {
  describe('does better', () => {
    const slowSite = (store: Store, options: Options = {}) => {
      const gates = new Map<string, () => void>();
      const site = openSite(
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
        openSite(toExpressStore(new MemorySessionStore(memory), options), { '/count': count, '/look': look });
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
      const site = openSite(toExpressStore(new MemorySessionStore(), options), { '/count': count });
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
    const store = toExpressStore(cut as unknown as SessionStore);
    const sess = { cookie: { originalMaxAge: null } };
    for (const call of [
      (done: (error?: unknown) => void) => store.get('x', done),
      (done: (error?: unknown) => void) => store.set('x', sess, done),
      (done: (error?: unknown) => void) => store.touch('x', sess, done),
      (done: (error?: unknown) => void) => store.destroy('x', done),
    ])
      await expect(promised(call)).rejects.toThrow(StoreUnavailableError);
    const site = openSite(store, { '/look': look });
    await site.get('/look', openSite(stores.MemoryStore(), {}).cookie);
    const whole = openSite(stores.toExpressStore(), { '/count': count });
    await whole.get('/count');
    expect(await site.get('/look', whole.cookie)).toBe('StoreUnavailableError');
  });

  it('refuses what reaches a prototype, and what is too large', async () => {
    const store = toExpressStore(new MemorySessionStore(), { maxBytes: 1000 });
    const set = (data: unknown) =>
      promised((done) => store.set('x', { cookie: { originalMaxAge: null }, data } as ExpressSession, done));
    await expect(set(JSON.parse('{"a":{"__proto__":{"admin":true}}}'))).rejects.toThrow('prototype');
    await expect(set('x'.repeat(2000))).rejects.toThrow('the limit is 1000');
    await expect(set('fits')).resolves.toBeUndefined();
  });
});
