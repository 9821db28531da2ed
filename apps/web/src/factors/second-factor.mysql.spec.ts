// The second step of signing in over a real MySQL server: an authenticator app, and recovery codes.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { UserSessions } from '@roam/session/nest';
import type { RowDataPacket } from 'mysql2';
import { randomBytes, randomUUID } from 'node:crypto';
import { DataSource } from 'typeorm';
import { UsersService } from '../users/users.service.js';
import { PasskeyStore } from '../passkeys/passkey-store.js';
import { appCode, outcome, plainText, Site } from '../testing/site.js';
import { backToNow, jumpTo } from '../testing/time.js';

jest.setTimeout(60_000);

const site = new Site();
beforeAll(async () => {
  await site.start();
}, 180_000);
afterAll(() => site.stop());
afterEach(backToNow);

describe('a second factor', () => {
  /** A user with an authenticator app, its secret, and the recovery codes. */
  const enrolled = async () => {
    const { agent, someone } = await site.registered();
    const answer = await agent.post('/api/factors/totp').send({ currentPassword: someone.password });
    expect([answer.status, answer.body]).toEqual([201, expect.objectContaining({ secret: expect.any(String) })]);
    const { secret } = answer.body as { secret: string };
    const confirmed = await agent.post('/api/factors/totp/confirm').send({ code: appCode(secret) });
    expect(confirmed.status).toBe(200);
    return { someone, agent, secret, codes: (confirmed.body as { recoveryCodes: string[] }).recoveryCodes };
  };
  /** The sign-in after a password reset by e-mail. */
  const resetAndLogIn = async (email: string) => {
    const password = 'a completely new one';
    const { agent } = site.browser();
    await agent.post('/api/password/forgotten').send({ email });
    const { token } = await site.mailTo(email, /request to set a new password/);
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
    const { someone, ...here } = await site.registered();
    const there = site.browser();
    await there.agent.post('/api/login').send(someone);
    const wrong = await here.send('/account/two-step', { action: 'enrol', currentPassword: 'not my password' });
    expect(wrong.status).toBe(422);
    const asked = await here.send('/account/two-step', { action: 'enrol', currentPassword: someone.password });
    expect([asked.status, asked.headers.location]).toEqual([303, '/account/two-step']);
    const page = (await here.get('/account/two-step')).text;
    expect(page).toContain('<svg');
    const secret = /<code>([A-Z2-7 ]+)<\/code>/.exec(page)![1].replaceAll(' ', '');
    expect((await here.send('/account/two-step', { action: 'confirm', code: '000000' })).status).toBe(422);
    const codes = await here.send('/account/two-step', { action: 'confirm', code: appCode(secret) });
    expect(codes.text.match(/<code>([A-Z2-7]{5}-){4}[A-Z2-7]{5}<\/code>/g)).toHaveLength(10);
    // ASVS 7.4.3: all other sessions have ended.
    expect((await here.get('/api/me')).status).toBe(200);
    expect((await there.get('/api/me')).status).toBe(401);
    await site.mailTo(someone.email, /also requires a code from your authenticator app/);

    await later(30_000);
    expect((await there.get('/login/second')).headers.location).toBe('/login');
    const first = await there.send('/login', { ...someone, returnTo: '/account/sessions' });
    expect([first.status, first.headers.location]).toEqual([303, '/login/second']);
    expect((await there.get('/api/me')).status).toBe(401);
    const mistyped = await there.send('/login/second', { code: '12 34' });
    expect([mistyped.status, mistyped.text]).toEqual([422, expect.stringContaining('This code is wrong')]);
    const done = await there.send('/login/second', { code: appCode(secret) });
    expect([done.status, done.headers.location]).toEqual([303, '/account/sessions']);
    expect((await there.get('/api/me')).status).toBe(200);
  });

  it('ASVS 6.5.1: takes each code of the app once, and none after five minutes', async () => {
    const { someone, secret } = await enrolled();
    const login = async (code: string) => {
      const { agent } = site.browser();
      const first = await agent.post('/api/login').send(someone);
      expect(outcome(first)).toEqual([401, 'second_factor_required']);
      return { agent, status: (await agent.post('/api/login/second').send({ code })).status };
    };
    // The code that turned it on.
    expect((await login(appCode(secret))).status).toBe(422);
    const { agent, status } = await login(appCode(secret, 1));
    expect(status).toBe(200);
    expect((await login(appCode(secret, 1))).status).toBe(422);
    // Nor does a code of an earlier step count any more.
    expect((await login(appCode(secret))).status).toBe(422);
    // The second step is over with its login.
    expect((await agent.post('/api/login/second').send({ code: appCode(secret, 2) })).status).toBe(401);
    const late = site.browser().agent;
    await late.post('/api/login').send(someone);
    await later(5 * 60_000);
    const expired = await late.post('/api/login/second').send({ code: appCode(secret) });
    expect(outcome(expired)).toEqual([401, 'login_expired']);
  });

  it('ASVS 6.5.1 to 6.5.4: is replaced by a recovery code, once each; only their hashes are kept', async () => {
    const { someone, codes } = await enrolled();
    const attempt = async (code: string) => {
      const { agent } = site.browser();
      await agent.post('/api/login').send(someone);
      return (await agent.post('/api/login/second').send({ code })).status;
    };
    expect(new Set(codes).size).toBe(10);
    expect(await attempt(codes[0].toLowerCase().replaceAll('-', ' '))).toBe(200);
    expect(await attempt(codes[0])).toBe(422);
    expect(await attempt(codes[1])).toBe(200);
    const { codes: others } = await enrolled();
    expect(await attempt(others[0])).toBe(422);
    const rows = await Promise.all(
      ['recovery_codes', 'users'].map((table) => site.cluster.read<RowDataPacket>(`SELECT * FROM ${table}`, [])),
    );
    const kept = plainText(rows.flat());
    for (const code of codes) {
      // 125 bits
      expect(code).toMatch(/^([A-Z2-7]{5}-){4}[A-Z2-7]{5}$/);
      expect(kept).not.toContain(code.slice(0, 11));
      expect(kept).not.toContain(code.replaceAll('-', '').slice(0, 11));
    }
  });

  it('ASVS 6.3.1: is not to be guessed', async () => {
    const { someone, secret } = await enrolled();
    const { agent } = site.browser();
    await agent.post('/api/login').send(someone);
    for (let i = 0; i < 5; i += 1)
      expect((await agent.post('/api/login/second').send({ code: `00000${i}` })).status).toBe(422);
    const refused = await agent.post('/api/login/second').send({ code: appCode(secret, 1) });
    expect(outcome(refused)).toEqual([429, 'too_many_attempts']);
    await later(1_000);
    expect((await agent.post('/api/login/second').send({ code: appCode(secret, 1) })).status).toBe(200);
  });

  it('ASVS 6.4.3: stays when the password is set anew by mail; ends with the password', async () => {
    const { someone, agent } = await enrolled();
    const { token } = await site.mailTo(someone.email, /confirm that it is yours/);
    expect((await agent.post('/api/email/confirm').send({ token })).status).toBe(204);
    expect(outcome(await resetAndLogIn(someone.email))).toEqual([401, 'second_factor_required']);

    const other = await enrolled();
    const wrong = await other.agent.delete('/api/factors/totp').send({ currentPassword: 'not my password' });
    expect(wrong.status).toBe(422);
    const currentPassword = other.someone.password;
    expect((await other.agent.delete('/api/factors/totp').send({ currentPassword })).status).toBe(204);
    expect((await other.agent.get('/api/factors')).body).toEqual({ totp: false, recoveryCodes: 0 });
    expect((await site.browser().agent.post('/api/login').send(other.someone)).status).toBe(200);
  });

  it('ASVS 7.4.3: when turned off, ends the other sessions, and gives this one a new token', async () => {
    const { someone, agent, codes } = await enrolled();
    const there = site.browser().agent;
    await there.post('/api/login').send(someone);
    expect((await there.post('/api/login/second').send({ code: codes[0] })).status).toBe(200);
    const removed = await agent.delete('/api/factors/totp').send({ currentPassword: someone.password });
    expect([removed.status, String(removed.headers['set-cookie'])]).toEqual([204, expect.stringMatching(/sid=./)]);
    expect([(await agent.get('/api/me')).status, (await there.get('/api/me')).status]).toEqual([200, 401]);
    await site.mailTo(someone.email, /no longer requires a code/);
  });

  it('ASVS 7.4.3: leaves no session of a sign-in whose password was changed between its two steps', async () => {
    const { someone, agent, codes } = await enrolled();
    const there = site.browser().agent;
    expect(outcome(await there.post('/api/login').send(someone))).toEqual([401, 'second_factor_required']);
    const change = { currentPassword: someone.password, password: 'a completely new one' };
    expect((await agent.put('/api/password').send(change)).status).toBe(204);
    await there.post('/api/login/second').send({ code: codes[0] });
    expect((await there.get('/api/me')).status).toBe(401);
    expect((await agent.get('/api/me')).status).toBe(200);
  });

  it('ASVS 16.3.1: is in the audit log when it is asked for, when it is wrong, and when it is right', async () => {
    const { someone, agent, codes } = await enrolled();
    const { id } = ((await agent.get('/api/me')).body as { user: { id: string } }).user;
    const there = site.browser().agent;
    await there.post('/api/login').send(someone);
    for (const code of ['000000', 'ABCDE-ABCDE-ABCDE-ABCDE-ABCDE'])
      expect((await there.post('/api/login/second').send({ code })).status).toBe(422);
    expect((await there.post('/api/login/second').send({ code: codes[0] })).status).toBe(200);
    // What is tried while signed in is the same.
    expect((await agent.post('/api/reauthenticate').send({ code: '000000' })).status).toBe(422);
    await site.audit(id, 'recovery-code-used');
    await site.audit(id, 'second-factor-failed', 3);
    const logged = await site.cluster.read<RowDataPacket>('SELECT event, details FROM audit_events WHERE user_id = ?', [
      id,
    ]);
    // The clock stands still, so they have no order.
    expect(logged.map(({ event }) => event as string).sort()).toEqual([
      ...['factor-added', 'login', 'login', 'recovery-code-used', 'registered', 'second-factor-asked'],
      ...['second-factor-failed', 'second-factor-failed', 'second-factor-failed'],
    ]);
    expect(logged.map(({ details }) => details as object)).toContainEqual({ by: 'password and code', remember: false });
  });

  it('of an account that is deleted meanwhile leaves no recovery code', async () => {
    const { agent, someone, id } = await site.registered();
    const { agent: other } = site.browser();
    await other.post('/api/login').send(someone);
    const currentPassword = someone.password;
    const enrolled = await agent.post('/api/factors/totp').send({ currentPassword });
    const users = site.app.get(UsersService);
    const find = users.findById.bind(users);
    jest.spyOn(users, 'findById').mockImplementationOnce(async (userId) => {
      const user = await find(userId);
      expect((await other.delete('/api/account').send({ currentPassword })).status).toBe(204);
      return user;
    });
    const code = appCode((enrolled.body as { secret: string }).secret);
    expect((await agent.post('/api/factors/totp/confirm').send({ code })).status).toBe(422);
    expect(await site.cluster.read('SELECT 1 FROM recovery_codes WHERE user_id = ?', [id])).toEqual([]);
  });

  it('that was set up before anybody had confirmed the address ends, with the passkeys, when its owner resets the password', async () => {
    const { someone, agent } = await enrolled();
    const { id } = ((await agent.get('/api/me')).body as { user: { id: string } }).user;
    const passkeys = site.app.get(PasskeyStore);
    const blank = { publicKey: randomBytes(32), counter: 0, transports: [], name: 'His' };
    const key = { ...blank, credentialId: randomBytes(16), challenge: randomUUID() };
    const late = { ...blank, credentialId: randomBytes(16), challenge: randomUUID() };
    const { manager } = site.app.get(DataSource);
    await passkeys.add(id, key, manager);
    const sessions = site.app.get(UserSessions);
    const endAll = sessions.endAll.bind(sessions);
    // By a session that is about to end.
    jest.spyOn(sessions, 'endAll').mockImplementationOnce(async (...who) => {
      await passkeys.add(id, late, manager);
      await endAll(...who);
    });
    expect((await resetAndLogIn(someone.email)).status).toBe(200);
    expect(await passkeys.listOf(id)).toEqual([]);
    expect(await site.cluster.read('SELECT 1 FROM recovery_codes WHERE user_id = ?', [id])).toEqual([]);
  });
});
