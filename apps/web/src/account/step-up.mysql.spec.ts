// Proving once more who one is, before what a thief of a session must not do.
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { totpCode } from '../factors/totp.js';
import { decoded, outcome, Site } from '../testing/site.js';

jest.setTimeout(60_000);

const site = new Site();
beforeAll(async () => {
  await site.start();
}, 180_000);
afterAll(() => site.stop());
afterEach(() => void jest.restoreAllMocks());

/** Time jumps for the app. Its heartbeat takes that for a standstill, and wants two beats until it is over it. */
async function jumpTo(time: number): Promise<void> {
  jest.spyOn(Date, 'now').mockReturnValue(time);
  for (let beat = 0; beat < 6; beat += 1) await new Promise((resolve) => setTimeout(resolve, 20));
}

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
    const code = () => totpCode(decoded(new URL(uri).searchParams.get('secret')!), Math.floor(Date.now() / 30_000));
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
});
