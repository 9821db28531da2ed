// The cookie method over real HTTP: which cookies leave, when, and what a size error leaves behind.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { SessionManager } from '../../manager.js';
import { sessionMiddleware, type SessionRequest } from '../../http/middleware.js';
import { CookieSessions } from './cookie-sessions.js';
import { MemoryRevocationList } from './revocation/memory-revocation-list.js';
import { best, patience } from '../../testing/patience.js';

describe('a sealed session over HTTP', () => {
  let server: Server;
  let url: string;
  let now = Date.now();

  beforeAll(async () => {
    const store = new CookieSessions({
      secrets: ['k'.repeat(32)],
      audience: 'http://localhost',
      revocations: new MemoryRevocationList(),
      lifetimeMs: 30 * 24 * 3_600_000,
    });
    const manager = new SessionManager({ store, secrets: ['s'.repeat(32)], secure: true, now: () => now });
    const middleware = sessionMiddleware(manager);
    server = createServer((request: SessionRequest, response) => {
      middleware(request, response, () => {
        const { session } = request;
        if (request.url === '/write') session!.a = ((session!.a as number | undefined) ?? 0) + 1;
        if (request.url === '/grow') session!.picture = 'p'.repeat(4000);
        const answer = () => {
          if (request.url === '/stream') response.write('data\n');
          else response.end(JSON.stringify(request.session ?? null));
        };
        if (request.url === '/logout') void session!.destroy().then(answer);
        else answer();
      });
    });
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });

  afterAll(async () => {
    server.closeAllConnections();
    await new Promise((closed) => server.close(closed));
  });

  const get = (path: string, cookie = '') => fetch(url + path, { headers: { cookie } });
  const cookieOf = (response: Response) => response.headers.getSetCookie()[0].split(';')[0];

  it('is the one cookie that is set, and only by what changes it', async () => {
    const made = await get('/write');
    expect(made.headers.getSetCookie()).toEqual([
      expect.stringMatching(/^__Host-sid=[\w-]{100,}; Path=\/; HttpOnly; Secure; SameSite=Lax$/),
    ]);
    expect(made.headers.get('cache-control')).toBe('private, no-store');
    const cookie = cookieOf(made);
    const read = await get('/', cookie);
    expect([await read.json(), read.headers.getSetCookie()]).toEqual([{ a: 1 }, []]);
    const changed = cookieOf(await get('/write', cookie));
    expect(await (await get('/', changed)).json()).toEqual({ a: 2 });
    now += 61_000;
    const touched = cookieOf(await get('/', changed));
    expect(touched).not.toBe(changed);
    expect(await (await get('/', touched)).json()).toEqual({ a: 2 });
  });

  it('answers 409 with the bytes, sends no cookie and names no key when it has grown too large', async () => {
    const cookie = cookieOf(await get('/write'));
    const grown = await get('/grow', cookie);
    expect([grown.status, grown.headers.getSetCookie()]).toEqual([409, []]);
    const message = expect.stringMatching(
      /^The session has no room for this: it would take \d+ bytes of at most 4096\.$/,
    );
    expect(await grown.json()).toEqual({ error: { code: 'session_too_large', message } });
    expect(await (await get('/', cookie)).json()).toEqual({ a: 1 });
  });

  it('is refused after the logout (vvo/iron-session#530, CVE-2024-31999), ends open streams, and takes its cookies away by name', async () => {
    const limit = 1500 * patience();
    const took = await best(limit, async () => {
      const cookie = cookieOf(await get('/write'));
      const stream = (await get('/stream', cookie)).text();
      const start = Date.now();
      const logout = await get('/logout', cookie);
      expect(logout.headers.getSetCookie()).toEqual([
        expect.stringMatching(/^__Host-sid=; Max-Age=0/),
        expect.stringMatching(/^__Host-mark=; Max-Age=0/),
      ]);
      expect(await (await get('/', cookie)).json()).toEqual({});
      await expect(stream).rejects.toThrow();
      return Date.now() - start;
    });
    expect(took).toBeLessThan(limit);
  });
});
