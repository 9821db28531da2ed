// The cookies of a site as browsers get and send them: names, attributes, and which of several counts.
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { parseSetCookie } from 'cookie';
import express, { type Request } from 'express';
import fc from 'fast-check';
import { inspect } from 'node:util';
import { parseCookies } from '../carriers/cookies.js';
import type { SessionOptions } from '../core/options.js';
import { SessionManager } from '../manager.js';
import { CookieSessions } from '../methods/cookie/cookie-sessions.js';
import { MemoryRevocationList } from '../methods/cookie/revocation/memory-revocation-list.js';
import { MemorySessionStore } from '../methods/memory/memory-session-store.js';
import { sessionMiddleware, type SessionRequest } from './middleware.js';

const SECRETS = ['s'.repeat(32)];
const HOUR = 3_600_000;

let server: Server | undefined;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

type Handle = (request: SessionRequest & Request) => unknown;

/** Answers with what `handle` returns. */
async function serve(options: Partial<SessionOptions>, handle: Handle = countUp): Promise<string> {
  const manager = new SessionManager({ store: new MemorySessionStore(), secrets: SECRETS, ...options });
  const app = express().set('trust proxy', true).use(sessionMiddleware(manager));
  app.use((request: SessionRequest & Request, response) => void response.json(handle(request) ?? null));
  server = createServer(app);
  await new Promise<void>((listening) => server!.listen(0, '127.0.0.1', listening));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const countUp: Handle = ({ session }) => (session!.count = Number(session!.count ?? 0) + 1);

async function visit(url: string, headers: Record<string, string> = {}) {
  const answer = await fetch(url, { headers });
  const lines = answer.headers.getSetCookie();
  return { body: await answer.text(), lines, cookie: lines.map((line) => line.split(';')[0]).join('; ') };
}

describe('the names', () => {
  it.each([
    ['sid', 'mark', { secure: false }],
    ['__Host-sid', '__Host-mark', { secure: true }],
    ['__Host-sid', '__Host-mark', { cookie: { secure: true } }],
    ['__Secure-sid', '__Secure-mark', { secure: true, cookie: { domain: 'example.test' } }],
    ['__Secure-sid', '__Secure-mark', { secure: true, cookie: { path: '/app' } }],
    ['__Host-shop', '__Host-shop-mark', { secure: true, name: 'shop' }],
    ['shop', 'shop-mark', { secure: false, name: 'shop', cookie: { domain: 'example.test' } }],
  ] as [string, string, Partial<SessionOptions>][])('are %s and %s with %j', async (token, mark, options) => {
    const { lines, cookie } = await visit(await serve(options));
    expect(lines.map((line) => parseSetCookie(line).name)).toEqual([token, mark]);
    expect((await visit(await serve(options))).body).toBe('1');
    expect(cookie).toContain(`${token}=`);
  });

  it('are chosen by the request where that says whether it came by https', async () => {
    const url = await serve({ cookie: { secure: 'auto' } });
    const byHttp = await visit(url);
    const byHttps = await visit(url, { 'x-forwarded-proto': 'https' });
    expect(byHttp.lines.map((line) => line.includes('Secure'))).toEqual([false, false]);
    expect(byHttps.lines.map((line) => line.includes('Secure'))).toEqual([true, true]);
    expect(byHttps.cookie).toMatch(/^__Host-sid=.*; __Host-mark=/);
    expect((await visit(url, { cookie: byHttp.cookie })).body).toBe('2');
    expect((await visit(url, { cookie: byHttps.cookie, 'x-forwarded-proto': 'https' })).body).toBe('2');
    expect((await visit(url, { cookie: byHttps.cookie })).body).toBe('1');
  });
});

describe('the attributes', () => {
  it('are the same for every cookie, also when they are deleted', async () => {
    const cookie = {
      domain: 'example.test',
      path: '/app',
      sameSite: 'none',
      partitioned: true,
      priority: 'high',
      secure: true,
    } as const;
    const url = await serve({ cookie, outage: 'read-only' }, (request) => {
      countUp(request);
      if (request.url === '/out') void request.session!.destroy();
    });
    const first = await visit(url);
    const out = await visit(`${url}/out`, { cookie: first.cookie });
    for (const lines of [first.lines, out.lines]) {
      const set = lines.map((line) => parseSetCookie(line));
      expect(set.map(({ name }) => name)).toEqual(['__Secure-sid', '__Secure-mark', '__Secure-standby']);
      for (const each of set) expect(each).toMatchObject({ ...cookie, httpOnly: true });
    }
    expect(out.lines.every((line) => line.includes('Max-Age=0'))).toBe(true);
  });

  it('are shown at req.session.cookie, which refuses all but maxAge and expires', async () => {
    const seen: unknown[] = [];
    const cookie = { path: '/', sameSite: 'strict', priority: 'low' } as const;
    const url = await serve({ secure: true, cookie }, ({ session }) => {
      session!.cart = 1;
      seen.push(JSON.parse(JSON.stringify(session!.cookie)));
      for (const name of ['path', 'domain', 'httpOnly', 'secure', 'sameSite', 'partitioned', 'priority'])
        expect(() => Object.assign(session!.cookie, { [name]: 'x' })).toThrow(`cookie.${name} cannot be changed`);
      expect(() => Object.assign(session!.cookie, { signed: true })).toThrow(TypeError);
      const { sameSite, httpOnly, secure, domain, partitioned, priority } = session!.cookie;
      seen.push({ sameSite, httpOnly, secure, domain, partitioned, priority });
      expect(inspect(session!.cookie, { depth: 9, showHidden: true })).not.toContain('secrets');
    });
    expect((await visit(url)).lines).toHaveLength(2);
    expect(seen).toEqual([
      { originalMaxAge: null, expires: null, ...cookie, httpOnly: true, secure: true },
      { ...cookie, path: undefined, httpOnly: true, secure: true, domain: undefined, partitioned: undefined },
    ]);
  });

  it.each([
    [{ cookie: { sameSite: 'none', secure: false } }, 'sameSite: "none"'],
    [{ cookie: { sameSite: 'none', secure: 'auto' } }, 'set secure: true'],
    [{ cookie: { partitioned: true, secure: false } }, 'partitioned: true'],
    [{}, 'whether the site is on https'],
    [{ secure: true, name: '__Host-sid' }, 'a prefix such as __Host- is added'],
    [{ secure: true, name: 'a b' }, 'cannot be used'],
    [{ secure: true, cookie: { domain: 'a b' } }, 'domain is invalid'],
    [{ secure: true, cookie: { path: '/a;b' } }, 'path is invalid'],
    [{ secure: true, cookie: { path: 'app' } }, 'must begin with "/"'],
    [{ secure: true, cookie: { domain: '' } }, 'domain is empty'],
    [{ secure: true, cookie: { secure: false } }, 'differ'],
  ] as [Partial<SessionOptions>, string][])(
    'are refused at start where browsers would refuse them: %j',
    (options, says) => {
      const make = () => new SessionManager({ store: new MemorySessionStore(), secrets: SECRETS, ...options });
      expect(make).toThrow(says);
    },
  );
});

/** How sessions travel. */
const kinds: Record<string, () => Partial<SessionOptions>> = {
  'a store': () => ({ store: new MemorySessionStore() }),
  'the cookie method': () => ({
    store: new CookieSessions({
      secrets: SECRETS,
      audience: 'https://example.test',
      revocations: new MemoryRevocationList(),
      lifetimeMs: 30 * 24 * HOUR,
    }),
  }),
  'copies for an outage': () => ({ outage: 'read-only' }),
};

describe('several cookies of one name', () => {
  it.each(Object.entries(kinds))('let the authentic one count, whatever the order (%s)', async (_, options) => {
    const url = await serve({ secure: false, ...options() }, (request) =>
      request.url === '/look' ? request.session!.count : countUp(request),
    );
    const { cookie } = await visit(url);
    const twins = cookie.replace(/=[^;]*/g, '=evil');
    for (const sent of [`${twins}; ${cookie}`, `${cookie}; ${twins}`, `${twins}; ${cookie}; ${twins}`]) {
      const { body, lines } = await visit(`${url}/look`, { cookie: sent });
      expect(body).toBe('1');
      expect(lines).toEqual([]);
    }
  });

  it('are told apart from names that only look alike (CVE-2026-39410)', async () => {
    const url = await serve({ secure: true });
    const { cookie } = await visit(url);
    // A browser lets any page of the domain set these; in a header each character is a byte.
    for (const blank of ['\u00a0', '\u0085', '\u00ad']) {
      const forged = cookie.replaceAll('__Host-', `${blank}__Host-`);
      expect((await visit(url, { cookie: forged })).body).toBe('1');
      expect((await visit(url, { cookie: cookie.replaceAll('=', `${blank}=`) })).body).toBe('1');
    }
    // What JavaScript's trim() takes away, and RFC 6265 does not.
    for (const blank of [...'\v\f\u00a0\u1680\u2000\u2028\u2029\u202f\u205f\u3000\ufeff'])
      expect(Object.keys(parseCookies(`${blank}__Host-sid=a; __Host-sid${blank}=b`))).toEqual([
        `${blank}__Host-sid`,
        `__Host-sid${blank}`,
      ]);
    expect((await visit(url, { cookie: ` \t${cookie}` })).body).toBe('2');
  });

  it('are read by name as RFC 6265 separates them, for any bytes', () => {
    const bytes = fc.string({ unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)) });
    fc.assert(
      fc.property(fc.array(fc.tuple(bytes, bytes)), (pairs) => {
        const safe = pairs.map(([name, value]) => [`n${name.replace(/[=;]/g, '')}n`, `v${value.replace(/;/g, '')}v`]);
        const parsed = parseCookies(safe.map(([name, value]) => `${name}=${value}`).join('; '));
        const expected: Record<string, string[]> = {};
        for (const [name, value] of safe) (expected[name] ??= []).push(value);
        expect({ ...parsed }).toEqual(expected);
      }),
    );
  });
});

describe('several tokens of this site', () => {
  it('let the session count that lives, though the cookie of one that has ended comes first', async () => {
    for (const options of Object.values(kinds)) {
      const url = await serve({ secure: false, ...options() }, (request) => {
        if (request.url === '/out') void request.session!.destroy();
        else return countUp(request);
      });
      const ended = (await visit(url)).cookie;
      await visit(`${url}/out`, { cookie: ended });
      const { cookie } = await visit(url);
      expect((await visit(url, { cookie: `${ended}; ${cookie}` })).body).toBe('2');
      server!.closeAllConnections();
    }
  });

  it('are no theft, where an old one of the same session stands beside the one of now', async () => {
    let now = Date.now();
    const events: string[] = [];
    const onEvent = ({ type }: { type: string }) => void events.push(type);
    const url = await serve({ secure: false, now: () => now, onEvent });
    const old = (await visit(url)).cookie;
    now += 20 * 60_000;
    const { lines } = await visit(url, { cookie: old });
    const renewed = lines.map((line) => line.split(';')[0]).join('; ');
    expect(renewed).toContain('sid=');
    await visit(url, { cookie: renewed });
    now += 60_000;
    expect((await visit(url, { cookie: `${old}; ${renewed}` })).body).toBe('4');
    expect(events).toEqual([]);
  });

  it('are not given back by a request with the token of before a renewal that sets maxAge', async () => {
    let now = Date.now();
    const events: string[] = [];
    const onEvent = ({ type }: { type: string }) => void events.push(type);
    const url = await serve({ secure: false, now: () => now, onEvent }, (request) => {
      if (request.url === '/short') request.session!.cookie.maxAge = 60 * 60_000;
      return countUp(request);
    });
    const old = (await visit(url)).cookie;
    now += 20 * 60_000;
    const { lines } = await visit(url, { cookie: old });
    const token = lines.map((line) => line.split(';')[0]).find((pair) => pair.startsWith('sid='))!;
    await visit(url, { cookie: token });
    const late = await visit(`${url}/short`, { cookie: old });
    expect(late.lines.find((line) => line.startsWith('sid='))).toMatch(new RegExp(`^${token};.*Max-Age=3600`));
    now += 31_000;
    expect((await visit(url, { cookie: late.cookie })).body).toBe('5');
    expect(events).not.toContain('theft');
  });
});

describe('rolling', () => {
  it('sends the cookie when its end has moved, and counts maxAge from the last request', async () => {
    let now = Date.now();
    const url = await serve(
      { secure: false, rolling: true, limits: { renew: HOUR }, now: () => now },
      ({ session, url: path }) => {
        session!.cart ??= 1;
        if (path === '/short') session!.cookie.maxAge = 10 * 60_000;
        return Math.round((session!.info.expiresAt - now) / 60_000);
      },
    );
    const { cookie, body } = await visit(`${url}/short`);
    expect(body).toBe('10');
    for (let i = 0; i < 4; i++) {
      now += 9 * 60_000;
      const { body, lines } = await visit(url, { cookie });
      expect(body).toBe('10');
      expect(lines.map((line) => parseSetCookie(line).maxAge)).toEqual([600, 600]);
    }
    // Nothing has moved, so an answer that comes late puts back no old cookie.
    expect((await visit(url, { cookie })).lines.filter((line) => line.startsWith('sid='))).toEqual([]);
    now += 10 * 60_000;
    expect((await visit(url, { cookie })).body).toBe(String(8 * 60));
  });

  it('never moves the end beyond the lifetime of the site', async () => {
    let now = Date.now();
    const begun = now;
    const url = await serve({ secure: false, rolling: true, now: () => now }, ({ session }) => {
      if (!session!.cart) session!.cookie.maxAge = 20 * 60_000;
      session!.cart = 1;
      return session!.info.createdAt - begun;
    });
    const { cookie } = await visit(url);
    for (now += 10 * 60_000; now < begun + 8 * HOUR; now += 10 * 60_000)
      expect((await visit(url, { cookie })).body).toBe('0');
    expect((await visit(url, { cookie })).body).not.toBe('0');
  });
});
