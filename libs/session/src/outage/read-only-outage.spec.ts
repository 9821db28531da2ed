// What bounds the outage policy: the memory of ends, the queue of logouts, the size of a copy, and its cookie.
import { afterEach, describe, expect, it } from '@jest/globals';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { CookieSessions } from '../methods/cookie/cookie-sessions.js';
import { MemoryRevocationList } from '../methods/cookie/revocation/memory-revocation-list.js';
import { StoreUnavailableError } from '../core/errors.js';
import { SessionManager } from '../manager.js';
import { MemorySessionStore } from '../methods/memory/memory-session-store.js';
import { sessionMiddleware, type SessionRequest } from '../http/middleware.js';
import { aRecord } from '../testing/a-record.js';
import { Visitor } from '../testing/visitor.js';
import { CircuitBreaker } from './circuit-breaker.js';
import { KnownEnds } from './known-ends.js';
import { PendingEnds } from './pending-ends.js';
import { StandbyCopies } from './standby-copy.js';

const SECRET = 's'.repeat(32);
const down = () => Promise.reject(new StoreUnavailableError('down'));

describe('the circuit breaker', () => {
  it('opens after three failed reads in a row, lets one look now and then, and closes with the first answer', async () => {
    let now = 0;
    const breaker = new CircuitBreaker(() => now);
    await expect(breaker.call(down, true)).rejects.toThrow('down');
    await breaker.call(async () => 1, true);
    for (let i = 0; i < 3; i++) await expect(breaker.call(down, true)).rejects.toThrow('down');
    await expect(breaker.call(async () => 1, true)).rejects.toThrow('does not wait for it');
    now += 200;
    expect(breaker.isOpen).toBe(false);
    // It looks, and does not let its caller wait for what it sees.
    const never = new Promise<number>(() => undefined);
    await expect(breaker.call(() => never, true)).rejects.toThrow('does not wait for it');
    expect(breaker.isOpen).toBe(true);
    now += 200;
    expect(await breaker.call(async () => 1, false)).toBe(1);
    expect(breaker.isOpen).toBe(false);
  });

  it('is not opened by a store that can be read and takes no writes', async () => {
    const breaker = new CircuitBreaker(() => 0);
    for (let i = 0; i < 10; i++) await expect(breaker.call(down, false)).rejects.toThrow('down');
    expect(breaker.isOpen).toBe(false);
  });
});

describe('the memory of ends', () => {
  it('forgets what no copy can be older than, and takes no copy at all when it had to forget earlier', () => {
    let now = 0;
    const ends = new KnownEnds(1000, () => now, 2);
    ends.addSession('a');
    ends.addEpoch('user', 2);
    expect(['a', 'b'].map((id) => ends.mayHaveEnded(id, null, 0))).toEqual([true, false]);
    expect([1, 2].map((epoch) => ends.mayHaveEnded('b', 'user', epoch))).toEqual([true, false]);
    now = 1001;
    ends.addSession('c');
    expect(ends.mayHaveEnded('a', null, 0)).toBe(false);
    ends.addSession('d');
    ends.addSession('e');
    expect(ends.mayHaveEnded('nobody knows', null, 0)).toBe(true);
    now = 2001;
    expect(ends.mayHaveEnded('nobody knows', null, 0)).toBe(false);
  });
});

describe('logouts that wait', () => {
  it('are refused rather than forgotten when there are too many, and tried until they are taken', async () => {
    let isDown = true;
    const ended: string[] = [];
    const end = async (id: string) => (isDown ? down() : ended.push(id));
    const pending = new PendingEnds(end, () => 0, 2);
    pending.add('a', 10);
    pending.add('b', 10);
    expect(() => pending.add('c', 10)).toThrow(StoreUnavailableError);
    await pending.flush();
    expect([pending.has('a'), ended]).toEqual([true, []]);
    isDown = false;
    await pending.flush();
    expect([pending.has('a'), pending.has('b'), ended]).toEqual([false, false, ['a', 'b']]);
  });
});

describe('a copy', () => {
  const copies = new StandbyCopies([SECRET]);

  it('is made only if a browser keeps it', () => {
    const copy = (length: number) => ({ record: aRecord({ payload: 'x'.repeat(length) }), mark: '1', takenAt: 0 });
    expect(copies.open(copies.seal(copy(2600))!)!.record.payload).toHaveLength(2600);
    expect(copies.seal(copy(3000))).toBeNull();
  });

  it('is worth nothing under another secret, and holds nothing that opens the session', () => {
    const record = aRecord();
    const sealed = copies.seal({ record, mark: '1', takenAt: 0 })!;
    expect(new StandbyCopies(['t'.repeat(32)]).open(sealed)).toBeUndefined();
    expect(copies.open(sealed)!.record.secrets).toEqual({ current: '', since: 0 });
  });

  it('is not shown beyond the end that a handler has set', async () => {
    let now = Date.now();
    const store = new MemorySessionStore();
    const manager = new SessionManager({
      store,
      secrets: [SECRET],
      secure: false,
      outage: 'read-only',
      now: () => now,
    });
    const visitor = new Visitor();
    await visitor.visit(manager, (session) => {
      session.cart = 1;
      session.cookie.maxAge = 60_000;
    });
    store.find = down;
    expect(await visitor.copy().see(manager)).toEqual({ cart: 1 });
    now += 60_000;
    await expect(visitor.see(manager)).rejects.toThrow(StoreUnavailableError);
  });
});

describe('a session in the token', () => {
  it('is not shown to a user whose sessions another server has ended, as far as the list is known', async () => {
    const revocations = new MemoryRevocationList();
    const store = new CookieSessions({ secrets: [SECRET], audience: '', revocations, lifetimeMs: 30 * 86_400_000 });
    const manager = () => new SessionManager({ store, secrets: [SECRET], secure: false, outage: 'read-only' });
    const [here, elsewhere] = [manager(), manager()];
    const [visitor, other] = [new Visitor(), new Visitor()];
    await visitor.logIn(here, 'user');
    await other.logIn(here, 'other user');
    await elsewhere.users.endAll('user');
    revocations.ensureFresh = down;
    expect(await other.see(here)).toBeDefined();
    await expect(visitor.see(here)).rejects.toThrow(StoreUnavailableError);
  });
});

describe('over HTTP', () => {
  let server: Server;
  afterEach(() => new Promise((closed) => server.close(closed)));

  it('is a cookie of five minutes, out of reach of scripts and other sites, that a logout expires', async () => {
    const store = new MemorySessionStore();
    const manager = new SessionManager({ store, secrets: [SECRET], secure: true, outage: 'read-only' });
    const middleware = sessionMiddleware(manager);
    server = createServer((request: SessionRequest, response) => {
      middleware(request, response, () => {
        if (request.url === '/') request.session!.a = 1;
        if (request.url === '/logout') void request.session!.destroy().then(() => response.end());
        else response.end();
      });
    });
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    const get = (path: string, cookie = '') =>
      fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`, {
        headers: { cookie, connection: 'close' },
      });
    const cookies = (await get('/')).headers.getSetCookie();
    expect(cookies[2]).toMatch(/^__Host-standby=[\w-]+; Max-Age=300; Path=\/; HttpOnly; Secure; SameSite=Lax$/);
    const cookie = cookies.map((line) => line.split(';')[0]).join('; ');
    expect((await get('/read', cookie)).headers.getSetCookie()).toEqual([]);
    expect((await get('/logout', cookie)).headers.getSetCookie()[2]).toMatch(/^__Host-standby=; Max-Age=0; /);
  });
});
