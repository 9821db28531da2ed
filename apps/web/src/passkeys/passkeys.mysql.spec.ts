// Passkeys, and the second factor that a site may require; a passkey is one.
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { NestExpressApplication } from '@nestjs/platform-express';
import type {
  PublicKeyCredentialCreationOptionsJSON,
  PublicKeyCredentialRequestOptionsJSON,
} from '@simplewebauthn/server';
import { UserSessions } from '@roam/session/nest';
import { randomUUID } from 'node:crypto';
import supertest from 'supertest';
import { DataSource } from 'typeorm';
import { appCode, outcome, Site } from '../testing/site.js';
import { backToNow, jumpTo } from '../testing/time.js';
import { UsersService } from '../users/users.service.js';
import { PasskeyStore } from './passkey-store.js';
import { Authenticator, type Overrides } from './testing/authenticator.js';

jest.setTimeout(60_000);

const site = new Site();
/** One more server of the same site, which requires a second factor. */
let strict: NestExpressApplication;
beforeAll(async () => {
  await site.start();
  strict = await site.server({ SECOND_FACTOR: 'required' });
}, 180_000);
afterAll(() => site.stop());
afterEach(backToNow);

type Options = PublicKeyCredentialRequestOptionsJSON;
type Agent = ReturnType<typeof site.browser>['agent'];

async function add(agent: Agent, key = new Authenticator(), overrides: Overrides = {}) {
  const options = await agent.post('/api/passkeys/options').send({});
  if (options.status !== 200) return { key, answer: options };
  const response = key.create(options.body as PublicKeyCredentialCreationOptionsJSON, overrides);
  return { key, answer: await agent.post('/api/passkeys').send({ response, name: 'My phone' }) };
}

async function signIn(agent: Agent, key: Authenticator, overrides: Overrides = {}) {
  const { body: options } = (await agent.post('/api/login/passkey/options').send({})) as { body: Options };
  const response = key.get(options, overrides);
  return agent.post('/api/login/passkey').send({ response });
}

/** What a visitor is asked, and how the answer is sent with the cookie of the challenge, also when a browser would not. */
async function challenge() {
  const client = supertest(site.app.getHttpServer());
  const asked = await client.post('/api/login/passkey/options').send({});
  const cookies = asked.headers['set-cookie'] as unknown as string[];
  const [cookie] = cookies[0].split(';');
  const send = (response: object, by: { cookie?: string; requestId?: string } = {}) =>
    client
      .post('/api/login/passkey')
      .set('Cookie', by.cookie ?? cookie)
      .set('X-Request-Id', by.requestId ?? randomUUID())
      .send({ response });
  return { options: asked.body as Options, cookies, cookie, send };
}

/** A user with a passkey. */
async function holder() {
  const someone = await site.registered();
  const { key, answer } = await add(someone.agent);
  expect(answer.status).toBe(201);
  return { ...someone, key, passkey: answer.body as { id: string; name: string } };
}

describe('a passkey', () => {
  it('signs in without password or code, on any server, with a new session', async () => {
    const { key, someone, id, get } = await holder();
    const there = site.browser(strict);
    await there.agent.put('/api/cart/apple').send({ quantity: 2 });
    const signedIn = await signIn(there.agent, key);
    expect([signedIn.status, signedIn.body]).toEqual([
      200,
      { user: { id, email: someone.email, name: 'Ann', roles: [] } },
    ]);
    expect((await there.get('/api/cart')).body).toEqual({ items: { apple: 2 } });
    expect((await get('/api/me')).status).toBe(200);
    const [, login] = await site.audit(id, 'login', 2);
    expect(login.details).toMatchObject({ by: 'passkey' });
    expect((await signIn(site.browser().agent, key)).status).toBe(200);
    expect(await site.metrics.registry.getSingleMetricAsString('roam_logins_total')).toMatch(
      /\{result="success",by="passkey"\} [1-9]/,
    );
  });

  it('ASVS 7.4.3 and 6.3.7: when added or removed, ends the other sessions, gives a new token, and is told by mail', async () => {
    const { agent, someone, id } = await site.registered();
    const there = site.browser();
    await there.agent.post('/api/login').send(someone);
    const { answer, key } = await add(agent);
    expect(String(answer.headers['set-cookie'])).toMatch(/sid=/);
    expect([(await agent.get('/api/me')).status, (await there.get('/api/me')).status]).toEqual([200, 401]);
    const told = await site.mailTo(someone.email, /passkey can be used to sign in/);
    expect(told.text).toMatch(/lets you set a new password.+remove the passkey/s);
    const list = (await agent.get('/api/passkeys')).body as { id: string; name: string }[];
    expect(list.map(({ name }) => name)).toEqual(['My phone']);
    expect((await agent.get('/account/passkeys')).text).toContain('My phone');
    const { agent: stranger } = await site.registered();
    expect((await stranger.delete(`/api/passkeys/${list[0].id}`)).status).toBe(404);
    expect((await there.agent.post('/api/login').send(someone)).status).toBe(200);
    const removed = await agent.delete(`/api/passkeys/${list[0].id}`);
    expect([removed.status, String(removed.headers['set-cookie'])]).toEqual([204, expect.stringMatching(/sid=./)]);
    expect([(await agent.get('/api/me')).status, (await there.get('/api/me')).status]).toEqual([200, 401]);
    await site.mailTo(someone.email, /can no longer be used to sign in/);
    expect(outcome(await signIn(site.browser().agent, key))).toEqual([401, 'invalid_passkey']);
    await site.audit(id, 'factor-added');
    await site.audit(id, 'factor-removed');
  });

  it('several can belong to one account; the same one to no other', async () => {
    const { agent, key } = await holder();
    const { key: second, answer } = await add(agent);
    expect(answer.status).toBe(201);
    for (const one of [key, second]) expect((await signIn(site.browser().agent, one)).status).toBe(200);
    const thief = await site.registered();
    expect(outcome((await add(thief.agent, key)).answer)).toEqual([401, 'invalid_passkey']);
  });

  it.each<[string, Overrides]>([
    ['for another site', { origin: 'https://evil.example' }],
    ['of another relying party', { rpId: 'evil.example' }],
    ['without the user being verified', { userVerified: false }],
    ['for another user', { userHandle: Buffer.from('somebody else').toString('base64url') }],
  ])('does not sign in %s', async (_how, overrides) => {
    const { key, id } = await holder();
    expect(outcome(await signIn(site.browser().agent, key, overrides))).toEqual([401, 'invalid_passkey']);
    const [failed] = await site.audit(id, 'login-failed');
    expect(failed.details).toMatchObject({ by: 'passkey' });
  });

  it.each<[string, Overrides]>([
    ['for another site', { origin: 'https://evil.example' }],
    ['without the user being verified', { userVerified: false }],
  ])('is not added %s', async (_how, overrides) => {
    const { agent } = await site.registered();
    expect(outcome((await add(agent, new Authenticator(), overrides)).answer)).toEqual([401, 'invalid_passkey']);
    expect((await agent.get('/api/passkeys')).body).toEqual([]);
  });

  it('ASVS 6.7.2: answers what this browser was asked, once, within five minutes', async () => {
    const { key } = await holder();
    const { agent } = site.browser();
    const ask = async (by: Agent) => (await by.post('/api/login/passkey/options').send({})).body as Options;
    const options = await ask(agent);
    expect(Buffer.from(options.challenge, 'base64url').length).toBeGreaterThanOrEqual(16);
    const response = key.get(options);
    expect(outcome(await site.browser().agent.post('/api/login/passkey').send({ response }))[0]).toBe(401);
    expect((await agent.post('/api/login/passkey').send({ response })).status).toBe(200);
    expect(outcome(await agent.post('/api/login/passkey').send({ response }))[0]).toBe(401);
    const { options: asked, send } = await challenge();
    const late = key.get(asked);
    await jumpTo(Date.now() + 5 * 60_000 + 1_000);
    expect(outcome(await send(late))).toEqual([401, 'invalid_passkey']);
  });

  it('is asked for without a session, and no copy of the answer and its cookie counts again', async () => {
    // Many authenticators do not count: then only the challenge tells a copy.
    for (const counter of [0, 1]) {
      const { key } = await holder();
      const { options, cookies, cookie, send } = await challenge();
      expect(cookies).toEqual([expect.stringMatching(/^passkey=[^;]+; Max-Age=300; .*HttpOnly; SameSite=Lax/)]);
      const response = key.get(options, { counter });
      const requestId = randomUUID();
      expect((await send(response, { requestId })).status).toBe(200);
      expect(outcome(await send(response))).toEqual([401, 'invalid_passkey']);
      // The time of the challenge is signed too: a copy does not become the answer to a later one.
      const later = cookie.replace(/\d+/, (time) => String(Number(time) + 1));
      expect(outcome(await send(response, { cookie: later }))).toEqual([401, 'invalid_passkey']);
      // A proxy that repeats a request is not an attacker who copies it.
      expect((await send(response, { requestId })).status).toBe(200);
    }
  });

  it('is removed once though a proxy repeats the request that was cut off', async () => {
    const { agent, id, key, passkey, someone } = await holder();
    const requestId = randomUUID();
    // As far as the first try got.
    await site.app.get(PasskeyStore).disable(id, passkey.id, requestId, site.app.get(DataSource).manager);
    expect(outcome(await signIn(site.browser().agent, key))).toEqual([401, 'invalid_passkey']);
    const remove = (by: string) => agent.delete(`/api/passkeys/${passkey.id}`).set('X-Request-Id', by);
    expect((await remove(randomUUID())).status).toBe(404);
    expect((await remove(requestId)).status).toBe(204);
    await site.mailTo(someone.email, /can no longer be used to sign in/);
    expect(await site.cluster.read('SELECT 1 FROM passkeys WHERE user_id = ?', [id])).toEqual([]);
  });

  it('when added makes no proof of identity younger', async () => {
    const { agent } = await site.registered();
    const now = Date.now();
    await jumpTo(now + 4 * 60_000);
    expect((await add(agent)).answer.status).toBe(201);
    await jumpTo(now + 5 * 60_000 + 1_000);
    expect(outcome(await agent.delete('/api/sessions'))).toEqual([403, 'reauthentication_required']);
  });

  it('CVE-2025-71400: is removed or changed by nobody else, by whatever id, in the API and on the page', async () => {
    const { agent: owner, id: ownerId, key, passkey } = await holder();
    const list = (await owner.get('/api/passkeys')).body as unknown[];
    const thief = await holder();
    const [{ credentialId }] = await site.app.get(PasskeyStore).listOf(ownerId);
    for (const id of [passkey.id, credentialId.toString('base64url')]) {
      expect(outcome(await thief.agent.delete(`/api/passkeys/${id}`))).toEqual([404, 'not_found']);
      for (const method of ['put', 'patch', 'post'] as const)
        expect([404, 405]).toContain((await thief.agent[method](`/api/passkeys/${id}`).send({ name: 'Mine' })).status);
      expect((await thief.send('/account/passkeys', { remove: id })).status).toBe(404);
    }
    expect((await owner.get('/api/passkeys')).body).toEqual(list);
    expect((await signIn(site.browser().agent, key)).status).toBe(200);
  });

  it('of an account that is deleted meanwhile is not kept', async () => {
    const { agent, id, someone } = await site.registered();
    const { agent: other } = site.browser();
    await other.post('/api/login').send(someone);
    const options = await agent.post('/api/passkeys/options').send({});
    const response = new Authenticator().create(options.body as PublicKeyCredentialCreationOptionsJSON);
    const users = site.app.get(UsersService);
    const find = users.findById.bind(users);
    jest.spyOn(users, 'findById').mockImplementationOnce(async (userId) => {
      const user = await find(userId);
      expect((await other.delete('/api/account').send({ currentPassword: someone.password })).status).toBe(204);
      return user;
    });
    expect(outcome(await agent.post('/api/passkeys').send({ response }))).toEqual([401, 'not_signed_in']);
    expect(await site.cluster.read('SELECT 1 FROM passkeys WHERE user_id = ?', [id])).toEqual([]);
  });

  it('that is removed while all sessions are ended brings none back', async () => {
    const { agent, id, passkey } = await holder();
    const [users, sessions] = [site.app.get(UsersService), site.app.get(UserSessions)];
    const find = users.findById.bind(users);
    jest.spyOn(users, 'findById').mockImplementation(async (userId) => {
      await sessions.endAll(id);
      return find(userId);
    });
    expect((await agent.delete(`/api/passkeys/${passkey.id}`)).status).toBe(401);
    expect((await agent.get('/api/me')).status).toBe(401);
  });

  it('that was copied is noticed by its counter', async () => {
    const { key } = await holder();
    expect((await signIn(site.browser().agent, key, { counter: 7 })).status).toBe(200);
    expect(outcome(await signIn(site.browser().agent, key, { counter: 7 }))[0]).toBe(401);
    expect((await signIn(site.browser().agent, key, { counter: 8 })).status).toBe(200);
  });

  it('is added only with a fresh proof of identity, which it gives itself later', async () => {
    const { agent, key } = await holder();
    await jumpTo(Date.now() + 5 * 60_000 + 1_000);
    expect(outcome((await add(agent)).answer)).toEqual([403, 'reauthentication_required']);
    const stranger = site.browser();
    const { key: foreign } = await holder();
    const prove = async (by: Agent, one: Authenticator) => {
      const { body: options } = (await by.post('/api/login/passkey/options').send({})) as { body: Options };
      return by.post('/api/reauthenticate').send({ passkey: one.get(options) });
    };
    expect(outcome(await prove(agent, foreign))).toEqual([401, 'invalid_passkey']);
    expect(outcome(await prove(stranger.agent, key))[0]).toBe(401);
    expect((await prove(agent, key)).status).toBe(204);
    expect((await add(agent)).answer.status).toBe(201);
  });

  it('of an account that is switched off or gone lets nobody in', async () => {
    const { agent, key, id, someone } = await holder();
    await site.cluster.write('UPDATE users SET deactivated_at = NOW(3) WHERE id = ?', [id]);
    expect(outcome(await signIn(site.browser().agent, key))).toEqual([403, 'account_deactivated']);
    await agent.delete('/api/account').send({ currentPassword: someone.password });
    expect(outcome(await signIn(site.browser().agent, key))).toEqual([401, 'invalid_passkey']);
  });

  it('nonsense in its place is refused, and is no fault', async () => {
    const { agent } = site.browser();
    for (const response of [
      {},
      { id: 'x' },
      { id: '\u0000', rawId: '', type: 'public-key', response: { clientDataJSON: '' } },
    ]) {
      await agent.post('/api/login/passkey/options').send({});
      expect([401, 422]).toContain((await agent.post('/api/login/passkey').send({ response })).status);
    }
  });
});

describe('the scripts of a page', () => {
  it('ASVS 3.4.3: run by a number that only this answer carries, and nothing else does', async () => {
    const answers = [await site.browser().get('/login'), await site.browser().get('/login')];
    const numbers = answers.map(({ text, headers }) => {
      const policy = headers['content-security-policy'];
      const [, nonce] = /script-src 'nonce-([\w+/=]{22,})'(?:;|$)/.exec(policy)!;
      for (const part of ["default-src 'none'", "object-src 'none'", "base-uri 'none'", "frame-ancestors 'none'"])
        expect(policy).toContain(part);
      const scripts = text.match(/<script[^>]*>/g)!;
      expect(scripts).toHaveLength(3);
      for (const script of scripts) expect(script).toContain(`nonce="${nonce}"`);
      return nonce;
    });
    expect(numbers[0]).not.toBe(numbers[1]);
    const script = /src="([^"]+passkeys[^"]+\.js)"/.exec(answers[0].text)![1];
    const { headers, status } = await site.browser().get(script);
    expect([status, headers['content-type']]).toEqual([200, 'text/javascript; charset=utf-8']);
  });
});

describe('a site that demands a second factor', () => {
  /** The same browser at the server that demands it. */
  const there = ({ agent }: { agent: Agent }) => {
    const browser = site.browser(strict);
    Object.assign(browser.agent, { jar: (agent as unknown as { jar: unknown }).jar });
    return browser;
  };
  const prove = async (agent: Agent, key: Authenticator) => {
    const { body: options } = (await agent.post('/api/login/passkey/options').send({})) as { body: Options };
    return agent.post('/api/reauthenticate').send({ passkey: key.get(options) });
  };

  it('lets a session that was made before by a password prove the passkey, and set up nothing else beside it', async () => {
    const { someone, key } = await holder();
    const before = site.browser();
    expect((await before.agent.post('/api/login').send(someone)).status).toBe(200);
    expect((await before.agent.get('/api/me')).status).toBe(200);
    const { agent, get } = there(before);
    expect(outcome(await agent.get('/api/me'))).toEqual([403, 'second_factor_missing']);
    const currentPassword = someone.password;
    expect(outcome(await agent.post('/api/factors/totp').send({ currentPassword }))).toEqual([401, 'passkey_required']);
    expect(outcome((await add(agent)).answer)).toEqual([401, 'passkey_required']);
    expect((await get('/account/two-step')).text).toContain('confirm your identity</a> with your authenticator app');
    expect((await agent.post('/api/reauthenticate').send({ currentPassword })).status).toBe(204);
    expect(outcome(await agent.get('/api/me'))).toEqual([403, 'second_factor_missing']);
    expect((await prove(agent, key)).status).toBe(204);
    expect((await agent.get('/api/me')).status).toBe(200);
    // It stays so when only the password is proved again.
    expect((await agent.post('/api/reauthenticate').send({ currentPassword })).status).toBe(204);
    expect((await agent.get('/api/me')).status).toBe(200);
  });

  it('asks a session again for a second factor whose last one was removed before', async () => {
    const { agent, passkey } = await holder();
    const strictly = there({ agent });
    expect((await strictly.agent.get('/api/me')).status).toBe(200);
    expect((await agent.delete(`/api/passkeys/${passkey.id}`)).status).toBe(204);
    expect((await agent.get('/api/me')).status).toBe(200);
    expect(outcome(await strictly.agent.get('/api/me'))).toEqual([403, 'second_factor_missing']);
  });

  it('ASVS 6.3.3: lets who has none do nothing but set one up', async () => {
    const { agent, get, send, someone } = await site.registered(strict);
    expect(outcome(await agent.get('/api/me'))).toEqual([403, 'second_factor_missing']);
    expect(outcome(await agent.put('/api/cart/apple').send({ quantity: 1 }))).toEqual([403, 'second_factor_missing']);
    expect((await get('/account')).headers.location).toBe('/account/two-step');
    expect((await get('/account/two-step')).text).toContain('requires two-step verification');
    const enrolled = await agent.post('/api/factors/totp').send({ currentPassword: someone.password });
    const { secret } = enrolled.body as { secret: string };
    const code = appCode(secret);
    const codes = await send('/account/two-step', { action: 'confirm', code });
    expect(codes.text).toContain('recovery codes');
    expect((await agent.get('/api/me')).status).toBe(200);
    const removed = await agent.delete('/api/factors/totp').send({ currentPassword: someone.password });
    expect([removed.status, removed.text]).toEqual([422, expect.stringContaining('requires two-step verification')]);
  });

  it('takes a passkey for one, and then no password alone', async () => {
    const { agent, someone } = await site.registered(strict);
    const { key, answer } = await add(agent);
    expect(answer.status).toBe(201);
    expect((await agent.get('/api/me')).status).toBe(200);
    // Otherwise a stolen password would be enough to set up another factor.
    const login = await site.browser(strict).agent.post('/api/login').send(someone);
    expect(outcome(login)).toEqual([401, 'passkey_required']);
    const { agent: there } = site.browser(strict);
    expect((await signIn(there, key)).status).toBe(200);
    expect((await there.get('/api/me')).status).toBe(200);
    const last = await agent.delete(`/api/passkeys/${(answer.body as { id: string }).id}`);
    expect(outcome(last)[0]).toBe(422);
  });

  it('of administrators only asks nobody else', async () => {
    const admins = await site.server({ SECOND_FACTOR: 'admins' });
    const { agent, someone, id } = await site.registered(admins);
    expect((await agent.get('/api/me')).status).toBe(200);
    await site.cluster.write(`UPDATE users SET roles = '["admin"]' WHERE id = ?`, [id]);
    await agent.post('/api/login').send(someone);
    expect(outcome(await agent.get('/api/admin/users'))).toEqual([403, 'second_factor_missing']);
    // Signing out and in again still works.
    expect((await agent.post('/api/login').send(someone)).status).toBe(200);
    expect((await agent.post('/api/logout').send({})).status).toBe(204);
  });
});
