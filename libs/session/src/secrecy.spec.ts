// What a log shows of a session and of all that an app can inject: never a secret, a key or a token.
import { hkdfSync } from 'node:crypto';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { inspect } from 'node:util';
import { expect, it } from '@jest/globals';
import { Tokens } from './carriers/token.js';
import { deriveKey } from './core/secrets.js';
import { fromExpressStore } from './express/index.js';
import { sessionMiddleware, type SessionRequest } from './http/middleware.js';
import { SessionManager } from './manager.js';
import { CookieSessions, MemoryRevocationList } from './methods/cookie/index.js';
import { Mount } from './methods/file/mount.js';
import { Seal, sealKeys } from './methods/file/sealed-file.js';
import { MemorySessionStore } from './methods/memory/memory-session-store.js';
import { MysqlSessionStore } from './methods/mysql/index.js';
import type { TransactionalDatabase } from './methods/mysql/session-database.js';
import { SyncSessionStore } from './methods/sync/sync-session-store.js';
import { freePorts, site } from './methods/sync/testing/site.js';
import { RepeatSafety } from './core/repeat-safety.js';
import { Visitor } from './testing/visitor.js';

const SECRET = 'the secret of a site that logs all it has';
const PASSWORD = 'the password of a database';
const derived = (info: string) => Buffer.from(hkdfSync('sha256', SECRET, '', info, 32));
const KEYS = [
  ...['token', 'mark', 'renewal', 'repeat'].map((purpose) => deriveKey(SECRET, purpose)),
  ...['session', 'standby'].map((purpose) => derived(`roam sealed ${purpose} key`)),
  ...sealKeys([SECRET]).map((key) => Buffer.from(key, 'hex')),
];
const keyTexts = (key: Buffer) => [
  key.toString('hex'),
  key.toString('base64').replace(/=*$/, ''),
  key.toString('base64url'),
  [...key].join(','),
  // As `util.inspect` shows a buffer.
  key.toString('hex').replace(/..(?!$)/g, '$& '),
];
const SECRETS = [SECRET, PASSWORD, ...KEYS.flatMap(keyTexts)];

/** All texts that loops over own keys, maps and sets come to, the bytes of buffers as hex. */
function walked(value: unknown, seen = new Set<unknown>()): string[] {
  if (typeof value === 'string') return [value];
  if (typeof value !== 'object' || value === null || seen.has(value)) return [];
  seen.add(value);
  if (ArrayBuffer.isView(value)) return [Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('hex')];
  const parts: unknown[] = Reflect.ownKeys(value)
    .filter((key) => Object.prototype.propertyIsEnumerable.call(value, key))
    .map((key) => (value as Record<PropertyKey, unknown>)[key]);
  if (value instanceof Map) parts.push(...value.keys(), ...value.values());
  if (value instanceof Set) parts.push(...value);
  return [...Object.keys(value), ...parts.flatMap((part) => walked(part, seen))];
}

function json(value: unknown): string {
  try {
    return JSON.stringify(value) ?? '';
  } catch {
    return ''; // A circle, as in a response.
  }
}

/** Everything that a log may show of it. */
function shown(value: unknown): string {
  const whole = { depth: Infinity, maxArrayLength: null, maxStringLength: null };
  const logs = [inspect(value, whole), inspect(value, { ...whole, showHidden: false, getters: true }), json(value)];
  return [...logs, ...walked(value)].join('\n');
}

function expectNoSecret(value: unknown, more: readonly string[] = []): void {
  const text = shown(value);
  expect([...SECRETS, ...more].filter((secret) => text.includes(secret))).toEqual([]);
}

const options = { secrets: [SECRET], secure: false };
const cookieSessions = () =>
  new CookieSessions({
    secrets: [SECRET],
    audience: 'http://localhost',
    revocations: new MemoryRevocationList(),
    lifetimeMs: 1e10,
  });
const database = { pool: { password: PASSWORD } } as unknown as TransactionalDatabase;
const expressStore = () => ({ client: { password: PASSWORD }, get() {}, set() {}, destroy() {} });
const kinds = {
  memory: () => new MemorySessionStore(),
  cookie: cookieSessions,
};

it.each(Object.entries(kinds))('shows of req.session its content only (%s)', async (_kind, open) => {
  const manager = new SessionManager({ ...options, store: open(), outage: 'read-only' });
  const visitor = new Visitor();
  const content = { cart: ['tea'], user: { id: 'user-1' } };
  await visitor.put(manager, content);
  await visitor.visit(manager, async (before, request) => {
    await before.regenerate();
    const session = Object.assign(request.session!, content);
    await session.save();
    const { cookie } = session;
    expect(JSON.parse(JSON.stringify(session))).toEqual(content);
    expect(structuredClone(session)).toEqual(content);
    expect({ ...session }).toEqual(content);
    expect(Object.keys(session)).toEqual(['cart', 'user']);
    expect(inspect(session, { depth: Infinity, showHidden: false })).toBe(
      `{ cart: [ 'tea' ], user: { id: 'user-1' } }`,
    );
    expect(inspect(session, { depth: Infinity, showHidden: true })).not.toMatch(/RequestSession|carried|commits/);
    const attributes = { path: '/', httpOnly: true, sameSite: 'lax', secure: false };
    expect(JSON.parse(JSON.stringify(cookie))).toEqual({ originalMaxAge: null, expires: null, ...attributes });
    expect(structuredClone(cookie)).toEqual({});
    expect(inspect(cookie, { depth: Infinity })).toBe(inspect({ originalMaxAge: null, expires: null, ...attributes }));
    for (const part of [session, cookie, session.info]) expectNoSecret(part);
  });
});

it.each(Object.entries(kinds))('shows of the request behind it no key and no token (%s)', async (_kind, open) => {
  const manager = new SessionManager({ ...options, store: open(), outage: 'read-only' });
  const visitor = new Visitor();
  const request = await visitor.begin(manager, 'a request id');
  request.session!.cart = 1;
  await visitor.end(manager, request);
  const token = visitor.token!;
  const opened = new Tokens([SECRET]).open(token);
  const tokenTexts = [token, ...(opened ? keyTexts(opened.secret) : [])];
  expectNoSecret(request, tokenTexts);
  expectNoSecret(await visitor.begin(manager, 'another request id'), tokenTexts);
});

it('shows of a response no key of the site', async () => {
  const manager = new SessionManager({ ...options, store: new MemorySessionStore(), outage: 'read-only' });
  const middleware = sessionMiddleware(manager);
  let kept: ServerResponse | undefined;
  const server = createServer((request: SessionRequest, response) =>
    middleware(request, response, () => {
      request.session!.cart = 1;
      kept = response;
      response.end('done');
    }),
  );
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  server.closeAllConnections();
  await new Promise((closed) => server.close(closed));
  expectNoSecret(kept);
});

const injectable: Record<string, () => object> = {
  'a manager': () => new SessionManager({ ...options, store: new MemorySessionStore(), outage: 'read-only' }),
  'a manager of cookies': () => new SessionManager({ ...options, store: cookieSessions() }),
  'the sessions of users': () => new SessionManager({ ...options, store: fromStore() }).users,
  'sealed cookies': cookieSessions,
  'a store of MySQL': () => new MysqlSessionStore(database),
  "a store of express-session's": () => fromStore(),
  tokens: () => new Tokens([SECRET]),
  'what makes a repeat safe': () => new RepeatSafety(deriveKey(SECRET, 'repeat'), Date.now, 'id'),
  "a file's seal": () => new Seal(sealKeys([SECRET])),
  'a mount': () => new Mount({ dir: '/', keys: sealKeys([SECRET]), deadlineMs: 1 } as never),
};
const fromStore = () => fromExpressStore(expressStore());

it.each(Object.entries(injectable))('shows no secret of %s', (_name, make) => expectNoSecret(make()));

it('shows neither secret nor sessions of the sync store', async () => {
  const [settings] = site(await freePorts(1), { security: { secret: SECRET } });
  const store = await SyncSessionStore.open({ ...settings, timings: { aloneAfter: 50 } });
  try {
    const manager = new SessionManager({ ...options, store });
    await new Visitor().put(manager, { cart: 'private content' });
    expectNoSecret(store, ['private content']);
    expectNoSecret(manager, ['private content']);
  } finally {
    await store.close();
  }
});
