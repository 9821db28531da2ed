// The e-mail address and password of an account, over a real MySQL server: confirmation, changes, and reset by e-mail.
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { hash } from '@node-rs/argon2';
import { UserSessions } from '@roam/session/nest';
import { createHash, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { RowDataPacket } from 'mysql2';
import supertest from 'supertest';
import { limits } from '../config/limits.js';
import { outcome, person, plainText, Site } from '../testing/site.js';
import { backToNow, jumpTo, until } from '../testing/time.js';
import { UsersService } from '../users/users.service.js';

jest.setTimeout(60_000);

/** A service that knows one breached password. */
const breachedPassword = 'a password that was breached';
const breaches = createServer((_request, response) => {
  response.end(`${createHash('sha1').update(breachedPassword).digest('hex').toUpperCase().slice(5)}:7`);
});
const site = new Site();
beforeAll(async () => {
  await once(breaches.listen(0, '127.0.0.1'), 'listening');
  const { port } = breaches.address() as AddressInfo;
  await site.start({ BREACHED_PASSWORDS_URL: `http://127.0.0.1:${port}/range/`, TRUSTED_PROXIES: 'loopback' });
}, 180_000);
afterAll(async () => {
  await site.stop();
  breaches.close();
  breaches.closeAllConnections();
});
afterEach(backToNow);

describe('a password', () => {
  const hashOf = async (email: string) => {
    const [row] = await site.cluster.read<RowDataPacket>('SELECT password_hash AS hash FROM users WHERE email = ?', [
      email,
    ]);
    return row?.hash as string;
  };

  it('ASVS 11.4.2: is hashed anew at a login when the parameters have changed', async () => {
    const { agent, someone } = await site.registered();
    const weak = await hash(someone.password, { memoryCost: 8_192, timeCost: 1, parallelism: 1 });
    await site.cluster.write('UPDATE users SET password_hash = ? WHERE email = ?', [weak, someone.email]);
    expect((await agent.post('/api/login').send(someone)).status).toBe(200);
    const isAnew = /m=19456,t=2,p=1/;
    await until(async () => isAnew.test(await hashOf(someone.email))).catch(() => undefined);
    expect(await hashOf(someone.email)).toMatch(isAnew);
    expect((await agent.post('/api/login').send(someone)).status).toBe(200);
  });

  it('ASVS 6.2.10: never expires', async () => {
    const { someone } = await site.registered();
    await jumpTo(Date.now() + 10 * 365 * 24 * 3_600_000);
    expect((await site.browser().agent.post('/api/login').send(someone)).status).toBe(200);
  });

  it('ASVS 6.2.4 and 6.2.11: is refused when it is common or leans on own words, in the form too', async () => {
    const someone = person('Wilhelmina');
    for (const password of ['qwertyuiop', 'wilhelmina-1']) {
      const api = await site
        .browser()
        .agent.post('/api/register')
        .send({ ...someone, password });
      expect(outcome(api)).toEqual([422, 'invalid_input']);
      const form = await site.browser().send('/register', { ...someone, password });
      expect([form.status, form.text]).toEqual([422, expect.stringMatching(/id="password-fault">This password is/)]);
    }
  });
});

describe('a service of breached passwords', () => {
  it('ASVS 6.2.12: decides too where the site names one: at registration, at a change and by mail', async () => {
    const someone = person();
    const { agent } = site.browser();
    const password = breachedPassword;
    const refused = [await agent.post('/api/register').send({ ...someone, password })];
    expect((await agent.post('/api/register').send(someone)).status).toBe(201);
    refused.push(await agent.put('/api/password').send({ currentPassword: someone.password, password }));
    await agent.post('/api/password/forgotten').send({ email: someone.email });
    const { token } = await site.mailTo(someone.email, /request to set a new password/);
    refused.push(await agent.post('/api/password/reset').send({ token, password }));
    for (const answer of refused) {
      expect(outcome(answer)).toEqual([422, 'invalid_input']);
      expect(answer.text).toMatch(/appeared in a data breach/);
    }
    expect(await site.metrics.registry.metrics()).toContain('roam_breach_checks_total{result="breached"} 3');
  });
});

describe('an e-mail address', () => {
  it('ASVS 6.3.7: is confirmed by the link of a mail, by the button only, once', async () => {
    const someone = person('<b>Ann & Co</b>');
    const { agent, get, send } = site.browser();
    await send('/register', someone);
    const mail = await site.mailTo(someone.email, /confirm that it is yours/);
    const { link, token } = mail;
    expect(mail.headers).toMatch(/^Auto-Submitted: auto-generated\r$/m);
    expect(mail.text).toMatch(/^Hello there,/);
    expect(mail.html).toContain(`token=${token}`);
    expect((await get('/account/email')).text).toContain('not confirmed yet');
    const page = await get(link);
    expect(page.headers['referrer-policy']).toBe('no-referrer');
    const _csrf = /name="_csrf" value="([^"]+)"/.exec(page.text)![1];
    expect((await get('/account/email')).text).toContain('not confirmed yet');
    const confirmed = await agent.post('/email/confirm').type('form').send({ _csrf, token });
    expect([confirmed.status, confirmed.headers.location]).toEqual([303, '/email/confirm?done=confirmed']);
    expect((await get('/account/email')).text).toContain(', confirmed');
    await agent.post('/api/password/forgotten').send({ email: someone.email });
    const named = await site.mailTo(someone.email, /set a new password/);
    expect(named.text).toContain('Hello <b>Ann & Co</b>,');
    expect(named.html).toContain('Hello &#60;b&#62;Ann &#38; Co&#60;/b&#62;,');
    const again = await agent.post('/api/email/confirm').send({ token });
    expect(outcome(again)).toEqual([400, 'invalid_token']);
    expect((await get(link)).text).toContain('has expired or has already been used');
    // ASVS 14.2.1
    expect(site.logged.join('')).not.toContain(token);
  });

  it('is confirmed by nobody but who is signed in to its account: the link leads to the login, and from there back', async () => {
    const { someone } = await site.registered();
    const { link, token } = await site.mailTo(someone.email, /confirm that it is yours/);
    const visitor = site.browser();
    expect((await visitor.get(link)).headers.location).toBe(`/login?returnTo=${encodeURIComponent(link)}`);
    const form = { _csrf: await visitor.token('/login'), token };
    const { headers } = await visitor.agent.post('/email/confirm').type('form').send(form);
    expect(headers.location).toBe(link);
    const early = await visitor.agent.post('/api/email/confirm').send({ token });
    expect(outcome(early)).toEqual([401, 'not_signed_in']);
    const other = site.browser();
    await other.agent.post('/api/register').send(person());
    const foreign = await other.agent.post('/api/email/confirm').send({ token });
    expect(outcome(foreign)).toEqual([403, 'other_account']);
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
    const [here, there] = [site.browser(), site.browser()];
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
    await site.mailTo(someone.email, /use another e-mail address/);
    const { token } = await site.mailTo(email, /confirm that it is yours/);
    expect((await here.get('/api/me')).body).toMatchObject({ user: { email: someone.email } });
    expect((await here.agent.post('/api/email/confirm').send({ token })).status).toBe(204);
    expect((await here.get('/api/me')).body).toMatchObject({ user: { email } });
    expect((await there.get('/api/me')).status).toBe(401);
    expect((await site.browser().agent.post('/api/login').send(someone)).status).toBe(401);
    expect(
      (
        await site
          .browser()
          .agent.post('/api/login')
          .send({ ...someone, email })
      ).status,
    ).toBe(200);
  });

  it('ASVS 6.5.5: is not confirmed by a mail that is older than a day', async () => {
    const { agent, someone } = await site.registered();
    const { token } = await site.mailTo(someone.email, /confirm that it is yours/);
    await jumpTo(Date.now() + 24 * 3_600_000 + 1_000);
    await agent.post('/api/login').send(someone);
    expect((await agent.post('/api/email/confirm').send({ token })).status).toBe(400);
  });

  it('that another account has meanwhile is not taken from it', async () => {
    const [someone, other] = [person(), person()];
    const { agent } = site.browser();
    await agent.post('/api/register').send(someone);
    const change = { email: other.email, currentPassword: someone.password };
    expect((await agent.put('/api/email').send(change)).status).toBe(202);
    const { token } = await site.mailTo(other.email, /confirm that it is yours/);
    await site.browser().agent.post('/api/register').send(other);
    expect((await agent.post('/api/email/confirm').send({ token })).status).toBe(409);
    // So rarely that nobody can test many addresses in this way.
    for (let i = 0; i < 4; i += 1) expect((await agent.put('/api/email').send(change)).status).toBe(409);
    expect((await agent.put('/api/email').send(change)).status).toBe(429);
  });

  it('gives a new token when it changes, which proves nothing anew: what needs a fresh proof still does', async () => {
    const someone = person();
    const { email } = person();
    const { agent } = site.browser();
    const now = Date.now();
    await jumpTo(now);
    await agent.post('/api/register').send(someone);
    await agent.put('/api/email').send({ email, currentPassword: someone.password });
    const { token } = await site.mailTo(email, /confirm that it is yours/);
    await jumpTo(now + 5 * 60_000 + 1_000);
    expect((await agent.post('/api/email/confirm').send({ token })).status).toBe(204);
    const late = await agent.delete('/api/sessions');
    expect(outcome(late)).toEqual([403, 'reauthentication_required']);
  });
});

describe('a forgotten password', () => {
  const password = 'a completely new one';

  it('ASVS 6.4.3, 6.5.1: is set anew by a mail, once, which ends all sessions and signs nobody in', async () => {
    const someone = person();
    const [here, there] = [site.browser(), site.browser()];
    await there.agent.post('/api/register').send(someone);
    const asked = await here.send('/password/forgotten', { email: someone.email.toUpperCase() });
    expect([asked.status, asked.headers.location]).toEqual([303, '/password/forgotten?done=mail']);
    const { link, token } = await site.mailTo(someone.email, /request to set a new password/);
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
    expect(outcome(again)).toEqual([400, 'invalid_token']);
    await site.mailTo(someone.email, /has been changed/);
  });

  it('ASVS 6.5.5: works for ten minutes, also when anybody has asked for another one since', async () => {
    const { agent, someone } = await site.registered();
    const ask = async (earlier?: string) => {
      await agent.post('/api/password/forgotten').send({ email: someone.email });
      await until(async () => (await site.mailTo(someone.email, /request to set a new password/)).token !== earlier);
      return (await site.mailTo(someone.email, /request to set a new password/)).token;
    };
    const first = await ask();
    // ASVS 6.4.1: 256 random bits.
    expect(Buffer.from(first, 'base64url')).toHaveLength(32);
    const second = await ask(first);
    expect((await agent.get(`/password/reset?token=${first}`)).text).toContain('name="password"');
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

  it('ASVS 6.4.3: is bounded by the links that work, not by strangers: six addresses ask, and the owner has a link', async () => {
    const { someone, id } = await site.registered();
    const { email } = someone;
    const from = (ip: string) => site.browser(site.app, { 'x-forwarded-for': ip }).agent;
    for (let i = 0; i < 30; i += 1) {
      const asked = await from(`198.51.100.${Math.floor(i / 5)}`)
        .post('/api/password/forgotten')
        .send({ email });
      expect(asked.status).toBe(202);
    }
    const working = () =>
      site.cluster.read("SELECT 1 FROM account_tokens WHERE user_id = ? AND purpose = 'reset-password'", [id]);
    await until(async () => (await working()).length === limits.outstandingTokens);
    expect((await from('203.0.113.9').post('/api/password/forgotten').send({ email })).status).toBe(202);
    const { token } = await site.mailTo(email, /request to set a new password/);
    const done = await site.browser().agent.post('/api/password/reset').send({ token, password });
    expect(done.status).toBe(204);
    expect(await working()).toHaveLength(1);
  });

  it('ASVS 11.4.1: keeps only the hash of a token', async () => {
    const { someone } = await site.registered();
    await site.browser().agent.post('/api/password/forgotten').send({ email: someone.email });
    const { token } = await site.mailTo(someone.email, /request to set a new password/);
    const rows = await site.cluster.read<RowDataPacket>('SELECT * FROM account_tokens', []);
    expect(rows.length).toBeGreaterThan(0);
    expect(plainText(rows)).not.toContain(token.slice(0, 20));
    expect(site.logged.join('')).not.toContain(token);
  });

  it('ASVS 6.3.8: does not tell whether there is such an account, and is bounded for both', async () => {
    const known = person();
    await site.browser().agent.post('/api/register').send(known);
    for (const { email } of [known, person()]) {
      const { agent } = site.browser();
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
    const { agent, someone } = await site.registered();
    await agent.post('/api/password/forgotten').send({ email: someone.email });
    const { token } = await site.mailTo(someone.email, /request to set a new password/);
    const change = { currentPassword: someone.password, password };
    expect((await agent.put('/api/password').send(change)).status).toBe(204);
    const late = await agent.post('/api/password/reset').send({ token, password: 'what a thief would set' });
    expect(outcome(late)).toEqual([400, 'invalid_token']);
  });

  it('ASVS 6.2.3, 7.4.3, 7.2.4: needs the current one, ends the other sessions, and gives this one a new token', async () => {
    const someone = person();
    const [here, there] = [site.browser(), site.browser()];
    const registered = await here.agent.post('/api/register').send(someone);
    const cookies = registered.headers['set-cookie'] as unknown as string[];
    const copy = cookies.map((cookie) => cookie.split(';')[0]).join('; ');
    await there.agent.post('/api/login').send(someone);
    const wrong = await here.agent.put('/api/password').send({ currentPassword: 'not my password', password });
    expect(outcome(wrong)).toEqual([422, 'invalid_input']);
    const weak = await here.agent
      .put('/api/password')
      .send({ currentPassword: someone.password, password: 'roamroam' });
    expect(weak.status).toBe(422);
    const copied = () => supertest(site.app.getHttpServer()).get('/api/me').set('Cookie', copy);
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
        await site
          .browser()
          .agent.post('/api/login')
          .send({ ...someone, password })
      ).status,
    ).toBe(200);
    await site.mailTo(someone.email, /has been changed/);
  });

  it('leaves the other sessions alone where that is asked for', async () => {
    const { someone, ...here } = await site.registered();
    const there = site.browser();
    await there.agent.post('/api/login').send(someone);
    const change = { currentPassword: someone.password, password, endOtherSessions: false };
    expect((await here.agent.put('/api/password').send(change)).status).toBe(204);
    expect((await there.get('/api/me')).status).toBe(200);
    expect((await here.get('/api/me')).status).toBe(200);
  });

  it('is set also when the first try was cut off half way and the proxy repeats it', async () => {
    const { someone, ...here } = await site.registered();
    const there = site.browser();
    await there.agent.post('/api/login').send(someone);
    jest.spyOn(site.app.get(UserSessions), 'endAll').mockRejectedValueOnce(new Error('cut off'));
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
    const { agent } = site.browser();
    const registered = await agent.post('/api/register').send(someone);
    const { id } = (registered.body as { user: { id: string } }).user;
    const [users, sessions] = [site.app.get(UsersService), site.app.get(UserSessions)];
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
    expect(outcome(answer)).toEqual([401, 'not_signed_in']);
    expect((await agent.get('/api/me')).status).toBe(401);
    const login = (typed: string) =>
      site
        .browser()
        .agent.post('/api/login')
        .send({ ...someone, password: typed });
    expect((await login(password)).status).toBe(401);
    expect((await login('set by mail meanwhile')).status).toBe(200);
  });
});

it('an account that is deleted leaves no address behind, also one that it is about to change to', async () => {
  const { agent, someone, id } = await site.registered();
  const { agent: other } = site.browser();
  expect((await other.post('/api/login').send(someone)).status).toBe(200);
  const currentPassword = someone.password;
  const users = site.app.get(UsersService);
  const find = users.findByEmail.bind(users);
  // The change has been proved, and looks whether its address is free.
  jest.spyOn(users, 'findByEmail').mockImplementationOnce(async (email) => {
    expect((await other.delete('/api/account').send({ currentPassword })).status).toBe(204);
    return find(email);
  });
  const change = await agent.put('/api/email').send({ email: person().email, currentPassword });
  expect(outcome(change)).toEqual([401, 'not_signed_in']);
  expect(await site.cluster.read('SELECT email FROM account_tokens WHERE user_id = ?', [id])).toEqual([]);
});
