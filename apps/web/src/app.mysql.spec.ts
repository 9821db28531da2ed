// The app over a real MySQL server: pages and forms without JavaScript, repeated requests, devices, and the loss of MySQL.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { hash } from '@node-rs/argon2';
import { startDatabases, type Databases } from '@roam/local-stack';
import { MysqlCluster } from '@roam/mysql-cluster';
import { MysqlSessionStore } from '@roam/session/mysql';
import { SessionManager } from '@roam/session/nest';
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RowDataPacket } from 'mysql2';
import { pino, type Logger } from 'pino';
import supertest from 'supertest';
import { createApp } from './app.js';
import { parseSettings } from './config/parse-settings.js';
import { migrate } from './database/migrate.js';
import { Metrics } from './health/metrics.js';
import { totpCode } from './factors/totp.js';
import { Readiness } from './health/readiness.js';
import { PublicListener } from './lifecycle/public-listener.js';
import { StoreWatch } from './lifecycle/store-watch.js';
import { rootLogger } from './logging/logging.js';
import { MailCatcher, type CaughtMail } from './mail/testing/mail-catcher.js';
import { PasskeyStore } from './passkeys/passkey-store.js';
import { patience, patientAgent } from './testing/site.js';
import { backToNow, jumpTo, until } from './testing/time.js';
import { UsersService } from './users/users.service.js';

jest.setTimeout(60_000);

const silent = pino({ level: 'silent' });
const logged: string[] = [];
const post = new MailCatcher();
let mailUrl: string;
const readiness = new Readiness();
let databases: Databases;
let cluster: MysqlCluster;
let app: NestExpressApplication;
let logger: Logger;

/** Knows of one password. */
const breachedPassword = 'a password that was breached';
const breaches = createServer((_request, response) => {
  response.end(`${createHash('sha1').update(breachedPassword).digest('hex').toUpperCase().slice(5)}:7`);
});
const metrics = new Metrics(readiness);

const config = (more: Record<string, string> = {}) =>
  parseSettings({
    BREACHED_PASSWORDS_URL: `http://127.0.0.1:${(breaches.address() as AddressInfo).port}/range/`,
    DATABASE_URLS: databases.urls.join(','),
    SESSION_SECRETS: 'Vt7mHq2zLw9sXc4bNk8rYp3eJd6fGa5u',
    SERVER_NAME: 'web1',
    SHOW_SERVER: 'on',
    MAIL_URL: mailUrl,
    ...more,
  });

beforeAll(async () => {
  mailUrl = await post.start();
  await once(breaches.listen(0, '127.0.0.1'), 'listening');
  databases = await startDatabases({ count: 1, topology: 'single' });
  logger = rootLogger(config(), { write: (line) => void logged.push(line) });
  cluster = await MysqlCluster.connect({ urls: databases.urls, ...patience });
  readiness.nodes = () => cluster.nodes();
  // Three at once, as three servers' start scripts may do it.
  await Promise.all([1, 2, 3].map(() => migrate(config(), silent)));
  app = await createApp(config(), cluster, new MysqlSessionStore(cluster), logger, readiness, metrics);
}, 180_000);

afterAll(async () => {
  await app?.close();
  await cluster?.close();
  await databases?.stop();
  post.stop();
  breaches.close();
  breaches.closeAllConnections();
});
afterEach(backToNow);

const person = (name = 'Ann') => ({ email: `${randomUUID()}@example.org`, password: 'correct horse', name });

/** A browser: keeps cookies, and follows forms by their hidden token. */
function browser(headers: Record<string, string> = {}) {
  const agent = patientAgent(app.getHttpServer());
  const token = async (page: string) => {
    const { text } = await agent.get(page).set(headers);
    return /name="_csrf" value="([^"]+)"/.exec(text)![1];
  };
  return {
    agent,
    token,
    get: (path: string) => agent.get(path).set(headers),
    /** Sends the form of `page`. */
    send: async (page: string, fields: Record<string, string>) => {
      const _csrf = await token(page);
      return agent
        .post(page)
        .set(headers)
        .type('form')
        .send({ _csrf, ...fields });
    },
  };
}

const codeOf = (answer: supertest.Response) => (answer.body as { error: { code: string } }).error.code;

describe('pages, without JavaScript', () => {
  it('let a visitor fill a cart, register, and keep it', async () => {
    const { send, get } = browser();
    expect((await send('/', { item: 'apple', quantity: '2' })).headers.location).toBe('/');
    const registered = await send('/register', person());
    expect([registered.status, registered.headers.location]).toEqual([303, '/account']);
    expect((await get('/api/cart')).body).toEqual({ items: { apple: 2 } });
    expect((await get('/account')).text).toContain('Ann');
  });

  it('show a form again with what is wrong and what was typed, but never the password', async () => {
    const { send } = browser();
    const wrong = await send('/login', { email: 'bo@example.org', password: 'hunter2hunter2' });
    expect(wrong.status).toBe(401);
    expect(wrong.text).toContain('The e-mail address or the password is wrong.');
    expect(wrong.text).toContain('value="bo@example.org"');
    expect(wrong.text).not.toContain('hunter2');
    const invalid = await send('/register', { email: 'bo', password: 'x', name: '' });
    expect(invalid.status).toBe(422);
    expect(invalid.text.match(/aria-invalid/g)).toHaveLength(3);
  });

  it('go back to where one wanted to be after signing in, but never to another site', async () => {
    const someone = person();
    await browser().agent.post('/api/register').send(someone);
    const asked = await browser().get('/account/sessions');
    expect(asked.headers.location).toBe('/login?returnTo=%2Faccount%2Fsessions');
    const back = await browser().send('/login', { ...someone, returnTo: '/account/sessions' });
    expect(back.headers.location).toBe('/account/sessions');
    const away = await browser().send('/login', { ...someone, returnTo: '//evil.example' });
    expect(away.headers.location).toBe('/account');
  });

  it('escape what people typed', async () => {
    const { agent, get } = browser();
    await agent.post('/api/register').send(person('<script>alert(1)</script>'));
    await agent.put('/api/cart/pear').send({ quantity: 1 });
    for (const page of ['/', '/account']) {
      const { text } = await get(page);
      expect(text).toContain('&lt;script&gt;');
      expect(text).not.toContain('<script');
    }
  });

  it("refuse a form without a token, or with another visitor's", async () => {
    const { agent, get } = browser();
    await get('/');
    const other = await browser().token('/');
    for (const form of [{}, { _csrf: other }]) {
      const answer = await agent
        .post('/')
        .type('form')
        .send({ item: 'apple', quantity: '1', ...form });
      expect(answer.status).toBe(403);
    }
    expect((await get('/api/cart')).body).toEqual({ items: {} });
  });

  it('stay below the prefix that a trusted proxy names', async () => {
    const { get } = browser({ 'X-Forwarded-Prefix': '/_server/web2' });
    const home = await get('/');
    expect(home.text).toContain('action="/_server/web2/"');
    expect(home.text).not.toMatch(/(href|action)="\/(?!_server\/)/);
    expect((await get('/account')).headers.location).toMatch(/^\/_server\/web2\/login/);
    expect((await browser({ 'X-Forwarded-Prefix': '//evil.example' }).get('/')).text).not.toContain('evil');
  });

  it('set no cookie but the one of the forms on a visitor', async () => {
    const cookies = (await browser().get('/')).headers['set-cookie'] as unknown as string[];
    expect(cookies.map((cookie) => cookie.split('=')[0])).toEqual(['csrf']);
    expect((await browser().get('/api/cart')).headers['set-cookie']).toBeUndefined();
  });
});

describe('an address in other letters', () => {
  it('is another address: no rule for the API can be passed by it', async () => {
    const { agent, get } = browser();
    await agent.post('/api/register').send(person());
    for (const path of ['/API/me', '/Api/cart', '/aPI/sessions']) {
      const answer = await get(path);
      expect([answer.status, answer.type]).toEqual([404, 'text/html']);
    }
    const write = await agent.put('/API/cart/apple').type('form').send({ quantity: 1 });
    expect(write.status).toBeGreaterThanOrEqual(400);
    expect((await get('/api/cart')).body).toEqual({ items: {} });
  });
});

describe('a request that the proxy repeats', () => {
  it('registers once, and signs in both times', async () => {
    const someone = person();
    const id = randomUUID();
    const first = await browser().agent.post('/api/register').set('X-Request-Id', id).send(someone);
    const second = await browser().agent.post('/api/register').set('X-Request-Id', id).send(someone);
    expect([first.status, second.status]).toEqual([201, 201]);
    expect(second.body).toEqual(first.body);
  });

  it('gives nobody an account by its request id alone', async () => {
    const someone = person();
    const id = randomUUID();
    await browser().agent.post('/api/register').set('X-Request-Id', id).send(someone);
    const stranger = await browser()
      .agent.post('/api/register')
      .set('X-Request-Id', id)
      .send({ ...someone, password: 'another password' });
    expect([stranger.status, codeOf(stranger)]).toEqual([409, 'email_taken']);
  });
});

describe('a password', () => {
  const hashOf = async (email: string) => {
    const [row] = await cluster.read<RowDataPacket>('SELECT password_hash AS hash FROM users WHERE email = ?', [email]);
    return row?.hash as string;
  };

  it('ASVS 11.4.2: is hashed anew at a login when the parameters have changed', async () => {
    const someone = person();
    const { agent } = browser();
    await agent.post('/api/register').send(someone);
    const weak = await hash(someone.password, { memoryCost: 8_192, timeCost: 1, parallelism: 1 });
    await cluster.write('UPDATE users SET password_hash = ? WHERE email = ?', [weak, someone.email]);
    expect((await agent.post('/api/login').send(someone)).status).toBe(200);
    await until(async () => /m=19456,t=2,p=1/.test(await hashOf(someone.email)));
    expect((await agent.post('/api/login').send(someone)).status).toBe(200);
  });

  it('ASVS 6.2.4 and 6.2.11: is refused when it is common or leans on own words, in the form too', async () => {
    const someone = person('Wilhelmina');
    for (const password of ['qwertyuiop', 'wilhelmina-1']) {
      const api = await browser()
        .agent.post('/api/register')
        .send({ ...someone, password });
      expect([api.status, codeOf(api)]).toEqual([422, 'invalid_input']);
      const form = await browser().send('/register', { ...someone, password });
      expect([form.status, form.text]).toEqual([422, expect.stringMatching(/id="password-fault">This password is/)]);
    }
  });
});

describe('a service of breached passwords', () => {
  it('ASVS 6.2.12: decides too where the site names one: at registration, at a change and by mail', async () => {
    const someone = person();
    const { agent } = browser();
    const password = breachedPassword;
    const refused = [await agent.post('/api/register').send({ ...someone, password })];
    expect((await agent.post('/api/register').send(someone)).status).toBe(201);
    refused.push(await agent.put('/api/password').send({ currentPassword: someone.password, password }));
    await agent.post('/api/password/forgotten').send({ email: someone.email });
    const { token } = await mailTo(someone.email, /request to set a new password/);
    refused.push(await agent.post('/api/password/reset').send({ token, password }));
    for (const answer of refused) {
      expect([answer.status, codeOf(answer)]).toEqual([422, 'invalid_input']);
      expect(answer.text).toMatch(/known from a data breach/);
    }
    expect(await metrics.registry.metrics()).toContain('roam_breach_checks_total{result="breached"} 3');
  });
});

describe('wrong passwords', () => {
  it('ASVS 6.3.1: are answered 429 with Retry-After after a few, for unknown accounts too', async () => {
    const known = person();
    const now = Date.now();
    await jumpTo(now);
    await browser().agent.post('/api/register').send(known);
    for (const { email } of [known, person()]) {
      const { agent, send } = browser();
      const guess = { email, password: 'a wrong password' };
      for (let i = 0; i < 5; i += 1) expect((await agent.post('/api/login').send(guess)).status).toBe(401);
      const refused = await agent.post('/api/login').send({ ...known, email });
      expect([refused.status, codeOf(refused)]).toEqual([429, 'too_many_attempts']);
      expect(refused.headers['retry-after']).toBe('1');
      const page = await send('/login', { ...known, email });
      expect([page.status, page.headers['retry-after']]).toEqual([429, '1']);
      expect(page.text).toContain('Please wait a second');
    }
    await jumpTo(now + 1_500);
    expect((await browser().agent.post('/api/login').send(known)).status).toBe(200);
  });
});

describe('devices', () => {
  it('can be listed and ended, one or all others', async () => {
    const someone = person();
    const [here, there, elsewhere] = [browser(), browser(), browser()];
    await here.agent.post('/api/register').send(someone);
    for (const device of [there, elsewhere]) await device.agent.post('/api/login').send(someone);
    const list = (await here.get('/api/sessions')).body as { handle: string; current: boolean }[];
    expect(list.filter(({ current }) => current)).toHaveLength(1);
    expect(list).toHaveLength(3);
    expect((await there.agent.delete('/api/sessions/unknown')).status).toBe(404);

    const current = ((await there.get('/api/sessions')).body as typeof list).find((one) => one.current)!;
    expect((await here.agent.delete(`/api/sessions/${current.handle}`)).status).toBe(204);
    expect((await there.get('/api/me')).status).toBe(401);
    expect((await here.send('/account/sessions', {})).headers.location).toBe('/account/sessions');
    expect((await elsewhere.get('/api/me')).status).toBe(401);
    expect((await here.get('/api/me')).status).toBe(200);
  });

  it('are ended only with a proof of identity that is not older than five minutes', async () => {
    const someone = person();
    const { agent } = browser();
    await agent.post('/api/register').send(someone);
    const now = Date.now();
    await jumpTo(now + 5 * 60_000 + 1_000);
    const late = await agent.delete('/api/sessions');
    expect([late.status, codeOf(late)]).toEqual([403, 'reauthentication_required']);
    await agent.post('/api/login').send(someone);
    expect((await agent.delete('/api/sessions')).status).toBe(204);
  });
});

/** The newest mail to this address whose text matches, and the token of its link. */
async function mailTo(address: string, text: RegExp): Promise<{ mail: CaughtMail; link: string; token: string }> {
  const find = () => post.mails.findLast((mail) => mail.to === address && text.test(mail.text));
  await until(() => find() !== undefined);
  const mail = find()!;
  const link = /http:\/\/localhost:8080(\S+)/.exec(mail.text)?.[1] ?? '';
  return { mail, link, token: new URL(link, 'http://site').searchParams.get('token') ?? '' };
}

describe('an e-mail address', () => {
  it('ASVS 6.3.7: is confirmed by the link of a mail, by the button only, once', async () => {
    const someone = person('<b>Ann & Co</b>');
    const { agent, get, send } = browser();
    await send('/register', someone);
    const { mail, link, token } = await mailTo(someone.email, /confirm that it is yours/);
    expect(mail.headers).toMatch(/^Auto-Submitted: auto-generated\r$/m);
    expect(mail.text).toContain('Hello <b>Ann & Co</b>,');
    expect(mail.html).toContain('Hello &#60;b&#62;Ann &#38; Co&#60;/b&#62;,');
    expect(mail.html).toContain(`token=${token}`);
    expect((await get('/account/email')).text).toContain('not confirmed yet');
    const page = await get(link);
    expect(page.headers['referrer-policy']).toBe('no-referrer');
    const _csrf = /name="_csrf" value="([^"]+)"/.exec(page.text)![1];
    expect((await get('/account/email')).text).toContain('not confirmed yet');
    const confirmed = await agent.post('/email/confirm').type('form').send({ _csrf, token });
    expect([confirmed.status, confirmed.headers.location]).toEqual([303, '/email/confirm?done=confirmed']);
    expect((await get('/account/email')).text).toContain(', confirmed');
    const again = await agent.post('/api/email/confirm').send({ token });
    expect([again.status, codeOf(again)]).toEqual([400, 'invalid_token']);
    expect((await get(link)).text).toContain('has expired or has already been used');
  });

  it('is confirmed by nobody but who is signed in to its account: the link leads to the login, and from there back', async () => {
    const someone = person();
    await browser().agent.post('/api/register').send(someone);
    const { link, token } = await mailTo(someone.email, /confirm that it is yours/);
    const visitor = browser();
    expect((await visitor.get(link)).headers.location).toBe(`/login?returnTo=${encodeURIComponent(link)}`);
    const form = { _csrf: await visitor.token('/login'), token };
    const { headers } = await visitor.agent.post('/email/confirm').type('form').send(form);
    expect(headers.location).toBe(link);
    const early = await visitor.agent.post('/api/email/confirm').send({ token });
    expect([early.status, codeOf(early)]).toEqual([401, 'not_signed_in']);
    const other = browser();
    await other.agent.post('/api/register').send(person());
    const foreign = await other.agent.post('/api/email/confirm').send({ token });
    expect([foreign.status, codeOf(foreign)]).toEqual([403, 'other_account']);
    const _csrf = await other.token(link);
    const page = await other.agent.post('/email/confirm').type('form').send({ _csrf, token });
    expect([page.status, page.text]).toEqual([403, expect.stringContaining('belongs to another account')]);
    const signedIn = await visitor.send('/login', { ...someone, returnTo: link });
    expect(signedIn.headers.location).toBe(link);
    expect((await visitor.agent.post('/api/email/confirm').send({ token })).status).toBe(204);
  });

  it('ASVS 7.4.3: changes when the new address is confirmed, tells the old one, and ends other sessions', async () => {
    const someone = person();
    const email = `${randomUUID()}@example.org`;
    const [here, there] = [browser(), browser()];
    await here.agent.post('/api/register').send(someone);
    await there.agent.post('/api/login').send(someone);
    const wrong = await here.send('/account/email', { email, currentPassword: 'not my password' });
    expect([wrong.status, wrong.text]).toEqual([422, expect.stringContaining('not your current password')]);
    const asked = await here.send('/account/email', {
      email,
      currentPassword: someone.password,
      endOtherSessions: 'on',
    });
    expect([asked.status, asked.headers.location]).toEqual([303, '/account?done=mail']);
    await mailTo(someone.email, /use another e-mail address/);
    const { token } = await mailTo(email, /confirm that it is yours/);
    expect((await here.get('/api/me')).body).toMatchObject({ user: { email: someone.email } });
    expect((await here.agent.post('/api/email/confirm').send({ token })).status).toBe(204);
    expect((await here.get('/api/me')).body).toMatchObject({ user: { email } });
    expect((await there.get('/api/me')).status).toBe(401);
    expect((await browser().agent.post('/api/login').send(someone)).status).toBe(401);
    expect(
      (
        await browser()
          .agent.post('/api/login')
          .send({ ...someone, email })
      ).status,
    ).toBe(200);
  });

  it('ASVS 6.5.5: is not confirmed by a mail that is older than a day', async () => {
    const someone = person();
    const { agent } = browser();
    await agent.post('/api/register').send(someone);
    const { token } = await mailTo(someone.email, /confirm that it is yours/);
    await jumpTo(Date.now() + 24 * 3_600_000 + 1_000);
    await agent.post('/api/login').send(someone);
    expect((await agent.post('/api/email/confirm').send({ token })).status).toBe(400);
  });

  it('that another account has meanwhile is not taken from it', async () => {
    const [someone, other] = [person(), person()];
    const { agent } = browser();
    await agent.post('/api/register').send(someone);
    const change = { email: other.email, currentPassword: someone.password };
    expect((await agent.put('/api/email').send(change)).status).toBe(202);
    const { token } = await mailTo(other.email, /confirm that it is yours/);
    await browser().agent.post('/api/register').send(other);
    expect((await agent.post('/api/email/confirm').send({ token })).status).toBe(409);
    // So seldom that nobody finds out about many addresses in this way.
    for (let i = 0; i < 4; i += 1) expect((await agent.put('/api/email').send(change)).status).toBe(409);
    expect((await agent.put('/api/email').send(change)).status).toBe(429);
  });

  it('gives a new token when it changes, which proves nothing anew: what needs a fresh proof still does', async () => {
    const someone = person();
    const { email } = person();
    const { agent } = browser();
    const now = Date.now();
    await jumpTo(now);
    await agent.post('/api/register').send(someone);
    await agent.put('/api/email').send({ email, currentPassword: someone.password });
    const { token } = await mailTo(email, /confirm that it is yours/);
    await jumpTo(now + 5 * 60_000 + 1_000);
    expect((await agent.post('/api/email/confirm').send({ token })).status).toBe(204);
    const late = await agent.delete('/api/sessions');
    expect([late.status, codeOf(late)]).toEqual([403, 'reauthentication_required']);
  });
});

describe('a forgotten password', () => {
  const password = 'a completely new one';

  it('ASVS 6.4.3, 6.5.1: is set anew by a mail, once, which ends all sessions and signs nobody in', async () => {
    const someone = person();
    const [here, there] = [browser(), browser()];
    await there.agent.post('/api/register').send(someone);
    const asked = await here.send('/password/forgotten', { email: someone.email.toUpperCase() });
    expect([asked.status, asked.headers.location]).toEqual([303, '/password/forgotten?done=mail']);
    const { link, token } = await mailTo(someone.email, /request to set a new password/);
    const page = await here.get(link);
    expect(page.headers['referrer-policy']).toBe('no-referrer');
    const _csrf = /name="_csrf" value="([^"]+)"/.exec(page.text)![1];
    const weak = await here.agent.post('/password/reset').type('form').send({ _csrf, token, password: 'qwertyuiop' });
    expect([weak.status, weak.text]).toEqual([422, expect.stringContaining('too common')]);
    const done = await here.agent.post('/password/reset').type('form').send({ _csrf, token, password });
    expect([done.status, done.headers.location]).toEqual([303, '/login?done=reset']);
    expect((await here.get('/api/me')).status).toBe(401);
    expect((await there.get('/api/me')).status).toBe(401);
    expect((await here.agent.post('/api/login').send(someone)).status).toBe(401);
    expect((await here.agent.post('/api/login').send({ ...someone, password })).status).toBe(200);
    const again = await here.agent.post('/api/password/reset').send({ token, password: 'another new one' });
    expect([again.status, codeOf(again)]).toEqual([400, 'invalid_token']);
    await mailTo(someone.email, /has been changed/);
  });

  it('ASVS 6.5.5: works for ten minutes, and only with the newest mail', async () => {
    const someone = person();
    const { agent } = browser();
    await agent.post('/api/register').send(someone);
    const ask = async (earlier?: string) => {
      await agent.post('/api/password/forgotten').send({ email: someone.email });
      await until(async () => (await mailTo(someone.email, /request to set a new password/)).token !== earlier);
      return (await mailTo(someone.email, /request to set a new password/)).token;
    };
    const first = await ask();
    const second = await ask(first);
    expect((await agent.post('/api/password/reset').send({ token: first, password })).status).toBe(400);
    const now = Date.now();
    await jumpTo(now + 10 * 60_000 + 1_000);
    expect((await agent.post('/api/password/reset').send({ token: second, password })).status).toBe(400);
    await backToNow();
    // A request that the proxy repeats is the same one.
    const id = randomUUID();
    const send = (by: string) =>
      agent.post('/api/password/reset').set('X-Request-Id', by).send({ token: second, password });
    for (const by of [id, id]) expect((await send(by)).status).toBe(204);
    expect((await send(randomUUID())).status).toBe(400);
  });

  it('ASVS 11.4.1: keeps only the hash of a token', async () => {
    const someone = person();
    await browser().agent.post('/api/register').send(someone);
    await browser().agent.post('/api/password/forgotten').send({ email: someone.email });
    const { token } = await mailTo(someone.email, /request to set a new password/);
    const rows = await cluster.read('SELECT * FROM account_tokens', []);
    expect(rows.length).toBeGreaterThan(0);
    expect(JSON.stringify(rows)).not.toContain(token);
    expect(logged.join('')).not.toContain(token);
  });

  it('ASVS 6.3.8: does not tell whether there is such an account, and is bounded for both', async () => {
    const known = person();
    await browser().agent.post('/api/register').send(known);
    for (const { email } of [known, person()]) {
      const { agent } = browser();
      for (let i = 0; i < 5; i += 1) {
        const answer = await agent.post('/api/password/forgotten').send({ email });
        expect([answer.status, answer.text]).toEqual([202, '']);
      }
      expect((await agent.post('/api/password/forgotten').send({ email })).status).toBe(429);
    }
  });
});

describe('a new password', () => {
  const password = 'a completely new one';

  it('takes the links of earlier mails their power: who reads an old mail sets no other password', async () => {
    const someone = person();
    const { agent } = browser();
    await agent.post('/api/register').send(someone);
    await agent.post('/api/password/forgotten').send({ email: someone.email });
    const { token } = await mailTo(someone.email, /request to set a new password/);
    const change = { currentPassword: someone.password, password };
    expect((await agent.put('/api/password').send(change)).status).toBe(204);
    const late = await agent.post('/api/password/reset').send({ token, password: 'what a thief would set' });
    expect([late.status, codeOf(late)]).toEqual([400, 'invalid_token']);
  });

  it('ASVS 6.2.3, 7.4.3, 7.2.4: needs the current one, ends the other sessions, and gives this one a new token', async () => {
    const someone = person();
    const [here, there] = [browser(), browser()];
    const registered = await here.agent.post('/api/register').send(someone);
    const cookies = registered.headers['set-cookie'] as unknown as string[];
    const copy = cookies.map((cookie) => cookie.split(';')[0]).join('; ');
    await there.agent.post('/api/login').send(someone);
    const wrong = await here.agent.put('/api/password').send({ currentPassword: 'not my password', password });
    expect([wrong.status, codeOf(wrong)]).toEqual([422, 'invalid_input']);
    const weak = await here.agent
      .put('/api/password')
      .send({ currentPassword: someone.password, password: 'roamroam' });
    expect(weak.status).toBe(422);
    const copied = () => supertest(app.getHttpServer()).get('/api/me').set('Cookie', copy);
    expect((await copied()).status).toBe(200);
    const form = { currentPassword: someone.password, password, endOtherSessions: 'on' };
    const changed = await here.send('/account/password', form);
    expect([changed.status, changed.headers.location]).toEqual([303, '/account?done=password']);
    expect((await here.get('/account?done=password')).text).toContain('Your password has been changed.');
    expect((await here.get('/api/me')).status).toBe(200);
    expect((await there.get('/api/me')).status).toBe(401);
    expect((await copied()).status).toBe(401);
    expect(
      (
        await browser()
          .agent.post('/api/login')
          .send({ ...someone, password })
      ).status,
    ).toBe(200);
    await mailTo(someone.email, /has been changed/);
  });

  it('leaves the other sessions alone where that is asked for', async () => {
    const someone = person();
    const [here, there] = [browser(), browser()];
    await here.agent.post('/api/register').send(someone);
    await there.agent.post('/api/login').send(someone);
    const change = { currentPassword: someone.password, password, endOtherSessions: false };
    expect((await here.agent.put('/api/password').send(change)).status).toBe(204);
    expect((await there.get('/api/me')).status).toBe(200);
    expect((await here.get('/api/me')).status).toBe(200);
  });

  it('is set also when the first try was cut off half way and the proxy repeats it', async () => {
    const someone = person();
    const [here, there] = [browser(), browser()];
    await here.agent.post('/api/register').send(someone);
    await there.agent.post('/api/login').send(someone);
    jest.spyOn(app.get(SessionManager), 'endAll').mockRejectedValueOnce(new Error('cut off'));
    const id = randomUUID();
    const change = { currentPassword: someone.password, password };
    const send = () => here.agent.put('/api/password').set('X-Request-Id', id).send(change);
    expect((await send()).status).toBe(500);
    expect((await send()).status).toBe(204);
    expect((await here.get('/api/me')).status).toBe(200);
    expect((await there.get('/api/me')).status).toBe(401);
  });

  it.each(['before', 'after'] as const)('loses against one that is set by mail just %s it', async (when) => {
    const someone = person();
    const { agent } = browser();
    const registered = await agent.post('/api/register').send(someone);
    const { id } = (registered.body as { user: { id: string } }).user;
    const [users, sessions] = [app.get(UsersService), app.get(SessionManager)];
    const byMail = await hash('set by mail meanwhile', { memoryCost: 19_456, timeCost: 2, parallelism: 1 });
    const replace = users.replaceHash.bind(users);
    jest.spyOn(users, 'replaceHash').mockImplementationOnce(async (user, passwordHash) => {
      const reset = async () => {
        await users.change(id, { passwordHash: byMail });
        await sessions.endAll(id);
      };
      if (when === 'before') await reset();
      const replaced = await replace(user, passwordHash);
      if (when === 'after') await reset();
      return replaced;
    });
    const change = { currentPassword: someone.password, password, endOtherSessions: false };
    const answer = await agent.put('/api/password').send(change);
    expect([answer.status, codeOf(answer)]).toEqual([401, 'not_signed_in']);
    expect((await agent.get('/api/me')).status).toBe(401);
    const login = (typed: string) =>
      browser()
        .agent.post('/api/login')
        .send({ ...someone, password: typed });
    expect((await login(password)).status).toBe(401);
    expect((await login('set by mail meanwhile')).status).toBe(200);
  });
});

describe('a second factor', () => {
  /** What the app shows, so many half minutes from now. */
  const codeOfApp = (secret: string, steps = 0) => {
    const bits = [...secret].map((letter) =>
      'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(letter).toString(2).padStart(5, '0'),
    );
    const bytes = bits
      .join('')
      .match(/.{8}/g)!
      .map((byte) => Number.parseInt(byte, 2));
    return totpCode(Buffer.from(bytes), Math.floor(Date.now() / 30_000) + steps);
  };
  /** Somebody with an authenticator app, its secret, and the recovery codes. */
  const enrolled = async () => {
    const someone = person();
    const { agent } = browser();
    await agent.post('/api/register').send(someone);
    const answer = await agent.post('/api/factors/totp').send({ currentPassword: someone.password });
    expect([answer.status, answer.body]).toEqual([201, expect.objectContaining({ secret: expect.any(String) })]);
    const { secret } = answer.body as { secret: string };
    const confirmed = await agent.post('/api/factors/totp/confirm').send({ code: codeOfApp(secret) });
    expect(confirmed.status).toBe(200);
    return { someone, agent, secret, codes: (confirmed.body as { recoveryCodes: string[] }).recoveryCodes };
  };
  /** The login after a new password was set by mail. */
  const resetAndLogIn = async (email: string) => {
    const password = 'a completely new one';
    const { agent } = browser();
    await agent.post('/api/password/forgotten').send({ email });
    const { token } = await mailTo(email, /request to set a new password/);
    expect((await agent.post('/api/password/reset').send({ token, password })).status).toBe(204);
    return agent.post('/api/login').send({ email, password });
  };
  let now: number;
  const later = (ms: number) => jumpTo((now += ms));
  beforeEach(async () => {
    now = Date.now();
    await jumpTo(now);
  });

  it('ASVS 6.3.3: is asked for after the password, on the pages', async () => {
    const someone = person();
    const [here, there] = [browser(), browser()];
    await here.agent.post('/api/register').send(someone);
    await there.agent.post('/api/login').send(someone);
    const wrong = await here.send('/account/two-step', { action: 'enrol', currentPassword: 'not my password' });
    expect(wrong.status).toBe(422);
    const asked = await here.send('/account/two-step', { action: 'enrol', currentPassword: someone.password });
    expect([asked.status, asked.headers.location]).toEqual([303, '/account/two-step']);
    const page = (await here.get('/account/two-step')).text;
    expect(page).toContain('<svg');
    const secret = /<code>([A-Z2-7 ]+)<\/code>/.exec(page)![1].replaceAll(' ', '');
    expect((await here.send('/account/two-step', { action: 'confirm', code: '000000' })).status).toBe(422);
    const codes = await here.send('/account/two-step', { action: 'confirm', code: codeOfApp(secret) });
    expect(codes.text.match(/<code>([A-Z2-7]{5}-){4}[A-Z2-7]{5}<\/code>/g)).toHaveLength(10);
    // ASVS 7.4.3: all other sessions have ended.
    expect((await here.get('/api/me')).status).toBe(200);
    expect((await there.get('/api/me')).status).toBe(401);
    await mailTo(someone.email, /also requires a code from your authenticator app/);

    await later(30_000);
    expect((await there.get('/login/second')).headers.location).toBe('/login');
    const first = await there.send('/login', { ...someone, returnTo: '/account/sessions' });
    expect([first.status, first.headers.location]).toEqual([303, '/login/second']);
    expect((await there.get('/api/me')).status).toBe(401);
    const mistyped = await there.send('/login/second', { code: '12 34' });
    expect([mistyped.status, mistyped.text]).toEqual([422, expect.stringContaining('This code is wrong')]);
    const done = await there.send('/login/second', { code: codeOfApp(secret) });
    expect([done.status, done.headers.location]).toEqual([303, '/account/sessions']);
    expect((await there.get('/api/me')).status).toBe(200);
  });

  it('ASVS 6.5.1: takes each code of the app once, and none after five minutes', async () => {
    const { someone, secret } = await enrolled();
    const login = async (code: string) => {
      const { agent } = browser();
      const first = await agent.post('/api/login').send(someone);
      expect([first.status, codeOf(first)]).toEqual([401, 'second_factor_required']);
      return { agent, status: (await agent.post('/api/login/second').send({ code })).status };
    };
    // The one that switched it on.
    expect((await login(codeOfApp(secret))).status).toBe(422);
    const { agent, status } = await login(codeOfApp(secret, 1));
    expect(status).toBe(200);
    expect((await login(codeOfApp(secret, 1))).status).toBe(422);
    // The second step is over with its login.
    expect((await agent.post('/api/login/second').send({ code: codeOfApp(secret, 2) })).status).toBe(401);
    const late = browser().agent;
    await late.post('/api/login').send(someone);
    await later(5 * 60_000);
    const expired = await late.post('/api/login/second').send({ code: codeOfApp(secret) });
    expect([expired.status, codeOf(expired)]).toEqual([401, 'login_expired']);
  });

  it('ASVS 6.5.1 to 6.5.4: is replaced by a recovery code, once each; only their hashes are kept', async () => {
    const { someone, codes } = await enrolled();
    const attempt = async (code: string) => {
      const { agent } = browser();
      await agent.post('/api/login').send(someone);
      return (await agent.post('/api/login/second').send({ code })).status;
    };
    expect(new Set(codes).size).toBe(10);
    expect(await attempt(codes[0].toLowerCase().replaceAll('-', ' '))).toBe(200);
    expect(await attempt(codes[0])).toBe(422);
    expect(await attempt(codes[1])).toBe(200);
    const { codes: others } = await enrolled();
    expect(await attempt(others[0])).toBe(422);
    const kept = JSON.stringify([
      await cluster.read('SELECT * FROM recovery_codes', []),
      await cluster.read('SELECT * FROM users', []),
    ]);
    for (const code of codes) expect(kept).not.toContain(code.slice(0, 11));
  });

  it('ASVS 6.3.1: is not to be guessed', async () => {
    const { someone, secret } = await enrolled();
    const { agent } = browser();
    await agent.post('/api/login').send(someone);
    for (let i = 0; i < 5; i += 1)
      expect((await agent.post('/api/login/second').send({ code: `00000${i}` })).status).toBe(422);
    const refused = await agent.post('/api/login/second').send({ code: codeOfApp(secret, 1) });
    expect([refused.status, codeOf(refused)]).toEqual([429, 'too_many_attempts']);
    await later(1_000);
    expect((await agent.post('/api/login/second').send({ code: codeOfApp(secret, 1) })).status).toBe(200);
  });

  it('ASVS 6.4.3: stays when the password is set anew by mail; ends with the password', async () => {
    const { someone, agent } = await enrolled();
    const { token } = await mailTo(someone.email, /confirm that it is yours/);
    expect((await agent.post('/api/email/confirm').send({ token })).status).toBe(204);
    expect(codeOf(await resetAndLogIn(someone.email))).toBe('second_factor_required');

    const other = await enrolled();
    const wrong = await other.agent.delete('/api/factors/totp').send({ currentPassword: 'not my password' });
    expect(wrong.status).toBe(422);
    const currentPassword = other.someone.password;
    expect((await other.agent.delete('/api/factors/totp').send({ currentPassword })).status).toBe(204);
    expect((await other.agent.get('/api/factors')).body).toEqual({ totp: false, recoveryCodes: 0 });
    expect((await browser().agent.post('/api/login').send(other.someone)).status).toBe(200);
  });

  it('that was set up before anybody had confirmed the address ends, with the passkeys, when its owner resets the password', async () => {
    const { someone, agent } = await enrolled();
    const { id } = ((await agent.get('/api/me')).body as { user: { id: string } }).user;
    const passkeys = app.get(PasskeyStore);
    const key = { credentialId: randomBytes(16), publicKey: randomBytes(32), counter: 0, transports: [], name: 'His' };
    const late = { ...key, credentialId: randomBytes(16) };
    await passkeys.add(id, key);
    const sessions = app.get(SessionManager);
    const endAll = sessions.endAll.bind(sessions);
    // By a session that is about to end.
    jest.spyOn(sessions, 'endAll').mockImplementationOnce(async (...who) => {
      await passkeys.add(id, late);
      await endAll(...who);
    });
    expect((await resetAndLogIn(someone.email)).status).toBe(200);
    expect(await passkeys.listOf(id)).toEqual([]);
    expect(await cluster.read('SELECT 1 FROM recovery_codes WHERE user_id = ?', [id])).toEqual([]);
  });
});

describe('the audit log', () => {
  const eventsOf = async (requestIds: readonly string[]) => {
    const rows = await cluster.read<RowDataPacket>(
      `SELECT HEX(id) AS id, at, event, user_id AS userId, account, ip, server, request_id AS requestId, details
       FROM audit_events WHERE request_id IN (${requestIds.map(() => '?').join()}) ORDER BY id`,
      requestIds,
    );
    return rows as unknown as Record<string, unknown>[];
  };

  it('ASVS 16.3.1 to 16.3.3, 16.2.1, 16.2.5: tells of each login, failure, logout, revocation and forged request', async () => {
    const someone = person('Wilhelmina');
    const ids = Array.from({ length: 8 }, () => randomUUID());
    const [here, there] = [browser(), browser()];
    const as = (number: number) => ({ 'X-Request-Id': ids[number] });
    await here.agent.post('/api/register').set(as(0)).send(someone);
    await there.agent
      .post('/api/login')
      .set(as(1))
      .send({ ...someone, password: 'an utterly wrong one' });
    await there.agent.post('/api/login').set(as(2)).send(someone);
    await here.agent.delete('/api/sessions').set(as(3));
    await here.agent.post('/').set(as(4)).type('form').send({ item: 'apple', quantity: '1', _csrf: 'forged' });
    await here.agent.put('/api/cart/apple').set(as(5)).set('Sec-Fetch-Site', 'cross-site').send({ quantity: 1 });
    await here.agent.post('/api/logout').set(as(6)).send({});
    await here.agent.post('/api/logout').set(as(7)).send({});
    const expected = ['registered', 'login', 'login-failed', 'login', 'other-sessions-ended', 'form-refused'];
    expected.push('cross-site-refused', 'logout');
    await until(async () => (await eventsOf(ids)).length >= expected.length);
    const events = await eventsOf(ids);
    expect(events.map(({ event }) => event)).toEqual(expected);
    const [registered, login, failed] = events;
    // Who, when in UTC, where from, which server, which request.
    expect(login).toMatchObject({ userId: registered.userId, server: 'web1', requestId: ids[0] });
    expect(login.ip).toMatch(/127\.0\.0\.1$/);
    expect(Math.abs(Date.parse(`${(login.at as Date).toISOString()}`) - Date.now())).toBeLessThan(60_000);
    expect(failed).toMatchObject({ userId: registered.userId, account: registered.account });
    // The same in the JSON log, at once; and nowhere what must not be there.
    const everything = logged.join('\n');
    for (const id of ids.slice(0, 7))
      expect(logged.some((line) => line.includes('"audit"') && line.includes(id))).toBe(true);
    const secrets = [someone.email, someone.password, 'an utterly wrong one', 'passwordHash', '$argon2'];
    const [token] = (
      (await browser().agent.post('/api/login').send(someone)).headers['set-cookie'] as unknown as string[]
    )
      .map((cookie) => /^sid=([^;]+)/.exec(cookie)?.[1])
      .filter((value) => value !== undefined);
    for (const secret of [...secrets, token]) {
      expect(everything + logged.join('\n')).not.toContain(secret);
      expect(JSON.stringify(events)).not.toContain(secret);
    }
  });
});

describe('people who sign in at the same time', () => {
  it('each get their own account, by the API and by the form', async () => {
    const people = Array.from({ length: 8 }, () => person());
    for (const someone of people) await browser().agent.post('/api/register').send(someone);
    for (let round = 0; round < 3; round++)
      await Promise.all(
        people.map(async ({ email, password }, i) => {
          const { agent, send } = browser();
          if (i % 2 === 0) expect((await send('/login', { email, password })).status).toBe(303);
          else
            expect((await agent.post('/api/login').send({ email, password })).body).toMatchObject({ user: { email } });
          expect((await agent.get('/api/me')).body).toMatchObject({ user: { email } });
        }),
      );
  });
});

describe('another app in the same process', () => {
  it('takes nothing with it when it is closed', async () => {
    const someone = person();
    await browser().agent.post('/api/register').send(someone);
    const store = new MysqlSessionStore(cluster);
    await (await createApp(config(), cluster, store, logger, readiness, new Metrics(readiness))).close();
    expect((await browser().agent.post('/api/login').send(someone)).status).toBe(200);
  });
});

describe('what servers tell about themselves', () => {
  it('is for administrators only where servers may not be shown', async () => {
    const store = new MysqlSessionStore(cluster);
    const settings = config({ SHOW_SERVER: 'off' });
    const hidden = await createApp(settings, cluster, store, logger, readiness, new Metrics(readiness));
    try {
      const answer = await supertest(hidden.getHttpServer()).get('/cluster');
      expect(answer.status).toBe(404);
      expect(answer.headers['x-served-by']).toBeUndefined();
      expect(answer.text).not.toContain('web1');
    } finally {
      await hidden.close();
    }
    // Nor can anything be done to servers, but in the demo.
    const act = { act: 'kill', name: 'web1' };
    expect((await browser().agent.post('/cluster').type('form').send(act)).status).toBe(404);
    const shown = await browser().get('/cluster');
    expect(shown.text).not.toContain('kill');
    expect(shown.headers['x-served-by']).toBe('web1');
    expect(shown.text).toContain(`:${databases.nodes[0].port}`);
  });
});

describe('when MySQL is gone', () => {
  it('answers what needs none, and hands over at once who is signed in', async () => {
    const { agent, get } = browser({ 'X-Request-Id': randomUUID() });
    await agent.post('/api/register').send(person());
    const [style] = /\/assets\/app-[^"]+/.exec((await get('/')).text)!;
    const { nodes, isOut } = readiness;
    Object.assign(readiness, { nodes: () => [], isOut: () => true });
    try {
      expect((await get('/api/me')).status).toBe(504);
      expect((await get(style)).status).toBe(200);
      expect((await browser().get('/login')).status).toBe(200);
    } finally {
      Object.assign(readiness, { nodes, isOut });
    }
    expect((await get('/api/me')).status).toBe(200);
  });

  it('and comes back, requests are given up sooner than at other times', async () => {
    const { agent } = browser();
    const guess = { email: person().email, password: 'a wrong password' };
    expect((await agent.post('/api/login').send(guess)).status).toBe(401);
    readiness.isGathering = () => true;
    try {
      // The next guess cannot be counted meanwhile: for longer than a request may take now, and less long than it may otherwise.
      const answer = await cluster.transaction(async (tx) => {
        await tx.read('SELECT * FROM throttles FOR UPDATE');
        return await Promise.race([agent.post('/api/login').retry(0).send(guess), sleep(1_100)]);
      });
      expect(answer && codeOf(answer)).toBe('timeout');
    } finally {
      readiness.isGathering = () => false;
    }
  });

  it('stops listening until it is back, and nobody is signed out', async () => {
    const someone = browser();
    const refused = randomUUID();
    await someone.agent.post('/api/register').send(person());
    const listener = new PublicListener(app.getHttpServer(), 0, '127.0.0.1');
    const watch = new StoreWatch(readiness, listener, logger);
    await listener.open();
    readiness.phase = 'ready';
    const url = `http://127.0.0.1:${listener.boundPort}/healthz`;
    watch.start();
    try {
      expect((await fetch(url)).status).toBe(200);
      await databases.nodes[0].kill();
      await until(() => readiness.phase === 'cut-off');
      const forged = await supertest(app.getHttpServer())
        .post('/')
        .set('X-Request-Id', refused)
        .set('Sec-Fetch-Site', 'cross-site')
        .type('form')
        .send({});
      expect(forged.status).toBe(403);
      expect(readiness.report()).toMatchObject({ ready: false, dependencies: { mysql: { usable: false } } });
      await until(() =>
        fetch(url).then(
          () => false,
          () => true,
        ),
      );

      await databases.nodes[0].start();
      await until(() => readiness.report().ready);
      expect((await fetch(`http://127.0.0.1:${listener.boundPort}/healthz`)).status).toBe(200);
    } finally {
      watch.stop();
      await listener.close(1_000);
    }
    expect((await someone.get('/api/me')).status).toBe(200);
    // What happened when there was no database is in the table all the same.
    await until(async () => {
      const rows = await cluster.read('SELECT 1 FROM audit_events WHERE request_id = ?', [refused]);
      return rows.length === 1;
    });
  });
});
