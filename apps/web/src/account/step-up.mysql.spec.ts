// Re-authentication before actions that a thief of a session must not be able to do.
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { UserSessions } from '@roam/session/nest';
import { randomUUID } from 'node:crypto';
import { DataSource } from 'typeorm';
import { appCode, outcome, Site } from '../testing/site.js';
import { backToNow, jumpTo } from '../testing/time.js';
import { PasswordsService } from '../users/passwords.service.js';
import { UsersService } from '../users/users.service.js';

jest.setTimeout(60_000);

const site = new Site();
beforeAll(async () => {
  await site.start();
}, 180_000);
afterAll(() => site.stop());
afterEach(backToNow);

const tooLate = (now: number) => jumpTo(now + 5 * 60_000 + 1_000);
const cookieOf = (headers: Record<string, unknown>) => String(headers['set-cookie']).split(';')[0];

describe('a proof of identity that is older than five minutes', () => {
  it('ASVS 7.5.2: ends no other session until the password was given once more, with a new token', async () => {
    const { agent, someone, id } = await site.registered();
    const there = site.browser();
    const now = Date.now();
    await there.agent.post('/api/login').send(someone);
    await tooLate(now);
    expect(outcome(await agent.delete('/api/sessions'))).toEqual([403, 'reauthentication_required']);
    // Nor a single one.
    const devices = (await agent.get('/api/sessions')).body as { handle: string; current: boolean }[];
    const { handle } = devices.find(({ current }) => !current)!;
    const single = await agent.delete(`/api/sessions/${handle}`);
    expect(outcome(single)).toEqual([403, 'reauthentication_required']);
    const wrong = await agent.post('/api/reauthenticate').send({ currentPassword: 'not my password' });
    expect(outcome(wrong)).toEqual([422, 'invalid_input']);
    expect(outcome(await agent.post('/api/reauthenticate').send({}))).toEqual([422, 'invalid_input']);
    expect((await there.get('/api/me')).status).toBe(200);
    const proved = await agent.post('/api/reauthenticate').send({ currentPassword: someone.password });
    expect(proved.status).toBe(204);
    expect(cookieOf(proved.headers)).toMatch(/^sid=.+/);
    expect((await agent.delete('/api/sessions')).status).toBe(204);
    expect((await there.get('/api/me')).status).toBe(401);
    await site.audit(id, 'reauthentication-failed');
    await site.audit(id, 'reauthenticated');
  });

  it('on the pages leads to the question, and from there back', async () => {
    const { agent, get, send, someone } = await site.registered();
    const there = site.browser();
    await there.agent.post('/api/login').send(someone);
    await tooLate(Date.now());
    const asked = await send('/account/sessions', {});
    const question = '/account/confirm?returnTo=%2Faccount%2Fsessions';
    expect([asked.status, asked.headers.location]).toEqual([303, question]);
    expect((await get(question)).text).toContain('name="currentPassword"');
    const wrong = await send(question, { currentPassword: 'not my password', returnTo: '/account/sessions' });
    expect([wrong.status, wrong.text]).toEqual([422, expect.stringContaining('not your current password')]);
    const away = await send(question, { currentPassword: someone.password, returnTo: 'https://evil.example' });
    expect(away.headers.location).toBe('/account');
    expect((await send('/account/sessions', {})).headers.location).toBe('/account/sessions');
    expect((await there.get('/api/me')).status).toBe(401);
    expect((await agent.get('/api/me')).status).toBe(200);
  });

  it('ASVS 7.5.1: where there is a second factor, changes nothing about it without that', async () => {
    const now = Date.now();
    await jumpTo(now);
    const { agent, get, someone } = await site.registered();
    const currentPassword = someone.password;
    const enrolled = await agent.post('/api/factors/totp').send({ currentPassword });
    const { uri } = enrolled.body as { uri: string };
    const code = () => appCode(new URL(uri).searchParams.get('secret')!);
    expect((await agent.post('/api/factors/totp/confirm').send({ code: code() })).status).toBe(200);
    await tooLate(now);
    const password = 'a completely new one';
    for (const attempt of [
      agent.put('/api/password').send({ currentPassword, password }),
      agent.put('/api/email').send({ currentPassword, email: `new-${someone.email}` }),
      agent.delete('/api/factors/totp').send({ currentPassword }),
    ])
      expect(outcome(await attempt)).toEqual([403, 'reauthentication_required']);
    // The password is the first factor; the second is what is missing.
    expect(outcome(await agent.post('/api/reauthenticate').send({ currentPassword }))).toEqual([422, 'invalid_input']);
    expect((await get('/account/confirm')).text).toContain('name="code"');
    expect((await agent.post('/api/reauthenticate').send({ code: code() })).status).toBe(204);
    expect((await agent.put('/api/password').send({ currentPassword, password })).status).toBe(204);
  });

  it('is taken of nobody whose account is switched off', async () => {
    const { agent, someone, id } = await site.registered();
    await site.cluster.write('UPDATE users SET deactivated_at = NOW(3) WHERE id = ?', [id]);
    const proved = await agent.post('/api/reauthenticate').send({ currentPassword: someone.password });
    expect(outcome(proved)).toEqual([403, 'account_deactivated']);
  });

  it('and that is given while all sessions are ended brings none back', async () => {
    const { agent, someone, id } = await site.registered();
    const [users, sessions] = [site.app.get(UsersService), site.app.get(UserSessions)];
    const find = users.findWithSecrets.bind(users);
    jest.spyOn(users, 'findWithSecrets').mockImplementation(async (userId) => {
      const user = await find(userId);
      await sessions.endAll(id);
      return user;
    });
    await agent.post('/api/reauthenticate').send({ currentPassword: someone.password });
    expect((await agent.get('/api/me')).status).toBe(401);
  });
});

it('ASVS 7.3.2: a session lasts as long as the user chose at sign-in, also after a new proof of identity', async () => {
  const { agent, someone } = await site.registered();
  for (const [remember, hours] of [
    [false, 8],
    [true, 30 * 24],
  ] as const) {
    expect((await agent.post('/api/login').send({ ...someone, remember })).status).toBe(200);
    const proved = await agent.post('/api/reauthenticate').send({ currentPassword: someone.password });
    expect(proved.status).toBe(204);
    const { session } = (await agent.get('/api/me')).body as { session: { createdAt: number; expiresAt: number } };
    // The id is made a moment before the limits are.
    const lasts = Math.round((session.expiresAt - session.createdAt) / 3_600_000);
    expect([remember, lasts]).toEqual([remember, hours]);
  }
});

it('ASVS 7.2.4: a sign-in that was begun before all sessions were ended opens none', async () => {
  const { agent, someone } = await site.registered();
  const passwords = site.app.get(PasswordsService);
  const verify = passwords.verify.bind(passwords);
  jest.spyOn(passwords, 'verify').mockImplementationOnce(async (...given) => {
    const matches = await verify(...given);
    expect((await agent.delete('/api/sessions')).status).toBe(204);
    return matches;
  });
  const late = site.browser().agent;
  await late.post('/api/login').send(someone);
  expect((await late.get('/api/me')).status).toBe(401);
  expect((await agent.get('/api/me')).status).toBe(200);
});

describe('an app that is being set up', () => {
  it('ASVS 7.5.1: is known to the session that began it only, and while its proof is fresh', async () => {
    const { agent, get, someone } = await site.registered();
    const there = site.browser();
    await there.agent.post('/api/login').send(someone);
    const begin = async () => {
      const begun = await agent.post('/api/factors/totp').send({ currentPassword: someone.password });
      expect(cookieOf(begun.headers)).toMatch(/^sid=.+/);
      return (begun.body as { secret: string }).secret;
    };
    const abandoned = await begin();
    expect((await get('/account/two-step')).text).toContain('<svg');
    expect((await there.get('/account/two-step')).text).not.toContain('<svg');
    const stolen = await there.agent.post('/api/factors/totp/confirm').send({ code: appCode(abandoned) });
    expect(outcome(stolen)).toEqual([422, 'invalid_input']);
    await tooLate(Date.now());
    expect((await get('/account/two-step')).text).not.toContain('<svg');
    const late = await agent.post('/api/factors/totp/confirm').send({ code: appCode(abandoned) });
    expect(outcome(late)).toEqual([403, 'reauthentication_required']);
    const secret = await begin();
    expect(secret).not.toBe(abandoned);
    expect((await agent.post('/api/factors/totp/confirm').send({ code: appCode(secret) })).status).toBe(200);
  });

  it('counts once though a proxy repeats the request that was cut off', async () => {
    const { agent, someone, id } = await site.registered();
    const enrolled = await agent.post('/api/factors/totp').send({ currentPassword: someone.password });
    const { secret } = enrolled.body as { secret: string };
    await jumpTo(Date.now());
    const step = Math.floor(Date.now() / 30_000);
    const requestId = randomUUID();
    // As far as the first try got.
    await site.app.get(UsersService).addTotp(id, Buffer.alloc(48), step, requestId, site.app.get(DataSource).manager);
    const sendCode = (browser: typeof agent, path: string, by: string) =>
      browser
        .post(path)
        .set('X-Request-Id', by)
        .send({ code: appCode(secret) });
    expect((await sendCode(agent, '/api/factors/totp/confirm', randomUUID())).status).toBe(422);
    const confirmed = await sendCode(agent, '/api/factors/totp/confirm', requestId);
    expect([confirmed.status, (confirmed.body as { recoveryCodes: string[] }).recoveryCodes.length]).toEqual([200, 10]);

    await jumpTo(Date.now() + 30_000);
    const there = site.browser().agent;
    await there.post('/api/login').send(someone);
    await site.app.get(UsersService).useTotpStep(id, step + 1, requestId);
    expect((await sendCode(there, '/api/login/second', randomUUID())).status).toBe(422);
    expect((await sendCode(there, '/api/login/second', requestId)).status).toBe(200);
  });
});
