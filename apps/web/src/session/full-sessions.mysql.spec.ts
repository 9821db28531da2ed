// Sessions that visitors have filled to the last byte, with each method: whoever carries one registers, signs in and changes
// the account.
import { Controller, Module, Param, Post, Req } from '@nestjs/common';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { MemorySessionStore, type AnySessions } from '@roam/session';
import { CookieSessions, MemoryRevocationList } from '@roam/session/cookie';
import { FileSessionStore } from '@roam/session/file';
import { MysqlSessionStore } from '@roam/session/mysql';
import { SessionManager } from '@roam/session/nest';
import { SyncSessionStore } from '@roam/session/sync';
import type { Request } from 'express';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CartModule } from '../cart/cart.module.js';
import { CartService } from '../cart/cart.service.js';
import type { RowDataPacket } from 'mysql2';
import { limits } from '../config/limits.js';
import { countsOnce } from '../routes/counts-once.js';
import { Repeatable } from '../routes/decorators.js';
import { appCode, outcome, person, Site } from '../testing/site.js';
import { backToNow, jumpTo } from '../testing/time.js';

jest.setTimeout(240_000);

const site = new Site();
const folder = mkdtempSync(join(tmpdir(), 'roam-full-sessions-'));
const closing: (() => Promise<unknown>)[] = [];
beforeAll(() => site.start(), 180_000);
afterAll(async () => {
  await site.stop();
  for (const close of closing) await close();
  rmSync(folder, { recursive: true });
});
afterEach(backToNow);

const secrets = ['Vt7mHq2zLw9sXc4bNk8rYp3eJd6fGa5u'];
const methods: Readonly<Record<string, () => AnySessions | Promise<AnySessions>>> = {
  mysql: () => new MysqlSessionStore(site.cluster),
  memory: () => new MemorySessionStore(),
  cookie: () =>
    new CookieSessions({
      secrets,
      audience: 'http://localhost:8080',
      revocations: new MemoryRevocationList(),
      lifetimeMs: 30 * 24 * 3_600_000,
    }),
  sync: async () => {
    const store = await SyncSessionStore.open({
      serverName: 'web1',
      listen: { host: '127.0.0.1', port: 0 },
      peers: [],
      security: { secret: secrets[0] },
      timings: { aloneAfter: 10 },
    });
    closing.push(() => store.close());
    return store;
  },
  file: async () => {
    const store = await FileSessionStore.open({ dirs: [folder], serverName: 'web1', secrets, deadlineMs: 5_000 });
    closing.push(() => store.close());
    return store;
  },
};

/** Numbers from 0 to 1 that look random, always the same for a seed. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
}

/** A name of an item: of one to 64 letters, mostly long ones, each of one to four bytes. */
function itemFrom(random: () => number): string {
  const letters = ['a', 'é', '語', '語', '𠮷', '𠮷'];
  const length = 64 - Math.floor(random() ** 2 * 64);
  return Array.from({ length }, () => letters[Math.floor(random() * letters.length)]).join('');
}

/** Fills the cart of a visitor by one request, the last of it item by item, until many in a row find no room. */
@Controller('api/fill')
class FillController {
  constructor(
    private readonly cart: CartService,
    private readonly sessions: SessionManager,
  ) {}

  /** What any code of an app may do. */
  @Post('too-much')
  @Repeatable({ because: countsOnce.session })
  tooMuch(@Req() request: Request): { done: true } {
    request.session!.plan = 'x'.repeat(100_000);
    return { done: true };
  }

  @Post(':seed')
  @Repeatable({ because: countsOnce.session })
  fill(@Param('seed') seed: string, @Req() request: Request): { refused: string } {
    const session = request.session!;
    const random = randomFrom(Number(seed));
    const next = () => [itemFrom(random), 1 + Math.floor(random() * 1_000)] as const;
    let left = this.sessions.contentBytes - limits.signInBytes - 1_000;
    for (let [item, quantity] = next(); (left -= Buffer.byteLength(item) + 20) > 0; [item, quantity] = next())
      session[`cart:${item}`] = quantity;
    let refused = '';
    for (let inARow = 0; inARow < 20; inARow += 1)
      try {
        this.cart.put(session, ...next());
        inARow = 0;
      } catch (error) {
        refused = (error as Error).message;
      }
    return { refused };
  }
}

@Module({ imports: [CartModule], controllers: [FillController] })
class FillModule {}

type Items = Record<string, number>;
type Browser = ReturnType<Site['browser']>;

async function fillCart({ agent }: Browser, seed: number): Promise<Items> {
  expect((await agent.post(`/api/fill/${seed}`).send({})).body).toEqual({
    refused: 'The cart is full. Please remove an item first.',
  });
  const more = await agent.put(`/api/cart/${'x'.repeat(64)}`).send({ quantity: 1_000 });
  expect(outcome(more)).toEqual([409, 'cart_full']);
  return ((await agent.get('/api/cart')).body as { items: Items }).items;
}

/** On a machine under load the browser repeats what is answered 503: it is registered once all the same. */
const register = ({ agent }: Browser, someone: object) =>
  agent.post('/api/register').set('x-request-id', randomUUID()).send(someone);

/** A user whose address and name are as long as any. */
function longest() {
  const email = `${'語'.repeat(40)}${Math.random()}@${`${'d'.repeat(60)}.`.repeat(3)}example`;
  return { ...person('語'.repeat(100)), email: email.slice(0, 254) };
}

describe.each(Object.entries(methods))('a full session, kept by %s', (name, open) => {
  let app: NestExpressApplication;
  beforeAll(async () => {
    app = await site.server({}, [FillModule], site.cluster, await open());
  });
  const browser = () => site.browser(app, { 'user-agent': `"${'ÿ'.repeat(500)}` });
  const cartOf = async ({ agent }: Browser) => ((await agent.get('/api/cart')).body as { items: Items }).items;

  it('lets its visitor register, set up a second factor, confirm and change the account, and keeps the cart', async () => {
    const here = browser();
    const { agent } = here;
    const cart = await fillCart(here, 7);
    expect(Object.keys(cart).length).toBeGreaterThan(2);
    const page = await here.send('/', { item: `pear ${'x'.repeat(50)}`, quantity: '1' });
    expect([page.status, page.text]).toEqual([409, expect.stringContaining('The cart is full.')]);
    const someone = longest();
    expect(outcome(await register(here, someone))).toEqual([201, undefined]);
    expect(await cartOf(here)).toEqual(cart);

    const { password } = someone;
    const enrolment = await agent.post('/api/factors/totp').send({ currentPassword: password });
    expect(enrolment.status).toBe(201);
    const { secret } = enrolment.body as { secret: string };
    const now = Date.now();
    await jumpTo(now);
    expect((await agent.post('/api/factors/totp/confirm').send({ code: appCode(secret) })).status).toBe(200);
    await jumpTo(now + 30_000);
    const proof = await agent.post('/api/reauthenticate').send({ code: appCode(secret) });
    expect(outcome(proof)).toEqual([204, undefined]);
    const change = { currentPassword: password, password: 'a completely new one' };
    expect(outcome(await agent.put('/api/password').send(change))).toEqual([204, undefined]);
    expect(await cartOf(here)).toEqual(cart);
    await here.agent.post('/api/logout');

    const there = browser();
    const other = await fillCart(there, 11);
    await jumpTo(now + 60_000);
    const first = await there.send('/login', {
      ...someone,
      password: change.password,
      returnTo: `/${'r'.repeat(500)}`,
    });
    expect([first.status, first.headers.location]).toEqual([303, '/login/second']);
    const second = await there.send('/login/second', { code: appCode(secret) });
    expect([second.status, second.headers.location]).toEqual([303, '/account']);
    expect(await cartOf(there)).toEqual(other);
  });

  it('is the reason that is given, and nothing is stored, where other code puts in what does not fit', async () => {
    const { agent } = browser();
    await agent.put('/api/cart/apple').send({ quantity: 1 });
    const refused = await agent.post('/api/fill/too-much').send({});
    expect(outcome(refused)).toEqual([409, 'session_full']);
    expect(refused.text).toMatch(/no room left for this \(\d+ bytes, and the limit is \d+\)/);
    expect(refused.text).not.toContain('plan');
    expect((await agent.get('/api/cart')).body).toEqual({ items: { apple: 1 } });
  });

  it('lets its user change the e-mail address', async () => {
    const here = browser();
    await fillCart(here, 13);
    const someone = person();
    expect((await register(here, someone)).status).toBe(201);
    const { email } = person();
    const asked = await here.agent.put('/api/email').send({ email, currentPassword: someone.password });
    expect(outcome(asked)).toEqual([202, undefined]);
    const { token } = await site.mailTo(email, /confirm/i);
    expect(outcome(await here.agent.post('/api/email/confirm').send({ token }))).toEqual([204, undefined]);
    expect((await here.agent.get('/api/me')).body).toMatchObject({ user: { email } });
  });

  it('that an earlier release has filled lets its visitor sign in, and says in the log what was left out', async () => {
    const { agent, someone } = await site.registered(app);
    const here = browser();
    jest.replaceProperty(limits, 'signInBytes', 50 as never);
    const cart = await fillCart(here, 17);
    jest.restoreAllMocks();
    site.logged.length = 0;
    expect(outcome(await here.agent.post('/api/login').send(someone))).toEqual([200, undefined]);
    expect((await here.agent.get('/api/me')).status).toBe(200);
    const kept = await cartOf(here);
    const left = Object.keys(cart).length - Object.keys(kept).length;
    expect(left).toBeGreaterThan(0);
    expect(Object.keys(kept).length).toBeGreaterThan(0);
    const line = site.logged.find((text) => text.includes('a sign-in left out the largest entries'));
    expect(JSON.parse(line ?? '{}')).toMatchObject({ level: 'warn', keys: left });
    expect(app.get(SessionManager).capabilities.method).toBe(name);

    // The same for a sign-in in two steps: the first one keeps something in the session.
    const { password: currentPassword } = someone;
    const enrolled = await agent.post('/api/factors/totp').send({ currentPassword });
    const code = appCode((enrolled.body as { secret: string }).secret);
    const confirmed = await agent.post('/api/factors/totp/confirm').send({ code });
    const { recoveryCodes } = confirmed.body as { recoveryCodes: string[] };
    const there = browser();
    jest.replaceProperty(limits, 'signInBytes', 0 as never);
    await fillCart(there, 19);
    jest.restoreAllMocks();
    const returnTo = `/${'r'.repeat(190)}`;
    expect((await there.send('/login', { ...someone, returnTo })).headers.location).toBe('/login/second');
    expect((await there.send('/login/second', { code: recoveryCodes[0] })).headers.location).toBe(returnTo);
    expect(Object.keys(await cartOf(there)).length).toBeGreaterThan(0);
  });
});

it('keeps of a browser no more than 200 bytes of its name', async () => {
  const { agent } = site.browser(site.app, { 'user-agent': `"${'ÿ'.repeat(500)}` });
  const answer = await agent.post('/api/register').send(person());
  const { id } = (answer.body as { user: { id: string } }).user;
  const [row] = await site.cluster.read<RowDataPacket>('SELECT payload FROM sessions WHERE user_id = ?', [id]);
  const { userAgent } = (JSON.parse(String(row.payload)) as { d: { passport: { user: { userAgent: string } } } }).d
    .passport.user;
  const bytes = Buffer.byteLength(JSON.stringify(userAgent)) - 2;
  expect(bytes).toBeLessThanOrEqual(200);
  expect(bytes).toBeGreaterThan(195);
});
