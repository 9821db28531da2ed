// The bound on guessing the second factor over a real MySQL server and two web servers: counted, told, and lifted.
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, jest } from '@jest/globals';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { limits } from '../config/limits.js';
import { SecretBox } from '../database/secret-box.js';
import { Authenticator } from '../passkeys/testing/authenticator.js';
import { appCode, outcome, Site } from '../testing/site.js';
import { backToNow, jumpTo } from '../testing/time.js';
import { FactorFailures } from './factor-failures.js';

jest.setTimeout(120_000);

const site = new Site();
let other: NestExpressApplication;
beforeAll(async () => {
  await site.start({ TRUSTED_PROXIES: 'loopback', THROTTLE_LOGINS_PER_ADDRESS: '1000' });
  other = await site.server({ SERVER_NAME: 'web2' });
}, 180_000);
afterAll(() => site.stop());
afterEach(backToNow);

let now: number;
const later = (ms: number) => jumpTo((now += ms));
beforeEach(async () => {
  now = Date.now();
  await jumpTo(now);
});

/** A user with an authenticator app, signed in, and their recovery codes. */
async function enrolled() {
  const { agent, someone, id } = await site.registered();
  const answer = await agent.post('/api/factors/totp').send({ currentPassword: someone.password });
  const { secret } = answer.body as { secret: string };
  const confirmed = await agent.post('/api/factors/totp/confirm').send({ code: appCode(secret) });
  const codes = (confirmed.body as { recoveryCodes: string[] }).recoveryCodes;
  await later(60_000);
  return { agent, someone, id, secret, codes, failures: () => site.app.get(FactorFailures).of(id) };
}

let addresses = 0;
/** A browser elsewhere whose password was right. */
async function atSecondStep(someone: object, app = site.app) {
  addresses += 1;
  const ip = `198.51.${100 + Math.floor(addresses / 250)}.${addresses % 250}`;
  const { agent } = site.browser(app, { 'x-forwarded-for': ip });
  expect(outcome(await agent.post('/api/login').send(someone))).toEqual([401, 'second_factor_required']);
  return { agent, send: (code: string) => agent.post('/api/login/second').send({ code }) };
}
/** Counts wrong codes as if they had been entered before. */
const failed = async (id: string, times: number) => {
  for (let i = 0; i < times; i += 1) await site.app.get(FactorFailures).count(id, true);
};
/** No code of the app begins with this, but by a chance of one in ten thousand. */
const guess = (i: number) => String(i).padStart(6, '0');
const mailsTo = (address: string, text: RegExp) =>
  site.mailCatcher.mails.filter((mail) => mail.to === address && text.test(mail.text));

it('ASVS 6.3.1: 60 addresses that know the password test 50 codes of the app, and no further one for days', async () => {
  const { someone, id, failures } = await enrolled();
  const browsers: Awaited<ReturnType<typeof atSecondStep>>[] = [];
  // Not all at once: passwords take their time to check.
  for (let i = 0; i < 60; i += 1) browsers.push(await atSecondStep(someone, i % 2 ? other : site.app));
  const opened = jest.spyOn(SecretBox.prototype, 'open');
  /** How many codes were compared with the app's secret. */
  const tested = () => opened.mock.calls.filter(([owner]) => owner === id).length;
  let tries = 0;
  const round = async (all: typeof browsers) => {
    const answers = await Promise.all(all.map(({ send }) => send(guess(tries++))));
    return answers.map((answer) => outcome(answer)[1]);
  };
  // In bursts over both servers.
  for (let at = 0; at < 60; at += 20) await round(browsers.slice(at, at + 20));
  expect(tested()).toBeGreaterThan(0);
  expect(tested()).toBeLessThanOrEqual(50);
  for (let day = 0; day < 3; day += 1) {
    await later(24 * 3_600_000);
    const again: typeof browsers = [];
    for (let i = 0; i < 10; i += 1) again.push(await atSecondStep(someone, i % 2 ? other : site.app));
    const answers = await round(again);
    expect(answers).toEqual(Array(10).fill('codes_refused'));
  }
  expect(tested()).toBeLessThanOrEqual(50);
  expect(await failures()).toBe(50);
});

it('ASVS 6.3.1: codes are refused after 50 wrong ones, also the right one and of whoever is signed in, with what to do', async () => {
  const { agent, someone, id, secret } = await enrolled();
  await failed(id, 50);
  const there = await atSecondStep(someone);
  const refused = await there.send(appCode(secret));
  expect(outcome(refused)).toEqual([403, 'codes_refused']);
  expect(refused.text).toContain('open the link in the e-mail');
  expect(outcome(await agent.post('/api/reauthenticate').send({ code: appCode(secret) }))).toEqual([
    403,
    'codes_refused',
  ]);
  const page = site.browser();
  expect((await page.send('/login', { ...someone })).headers.location).toBe('/login/second');
  const form = await page.send('/login/second', { code: appCode(secret) });
  expect([form.status, form.text]).toEqual([403, expect.stringContaining('use a recovery code or a passkey')]);
});

it('the owner is told at the tenth wrong code, once, and gets a link at the fiftieth, once', async () => {
  const { someone, id } = await enrolled();
  await failed(id, 8);
  const there = await atSecondStep(someone);
  const wrong = async () => {
    await later(16 * 60_000);
    const again = await atSecondStep(someone);
    expect((await again.send(guess(7))).status).toBe(422);
  };
  expect((await there.send(guess(7))).status).toBe(422);
  await wrong();
  await site.mailTo(someone.email, /has entered 10 wrong codes/);
  await wrong();
  await failed(id, 38);
  expect(mailsTo(someone.email, /Accept codes again/)).toEqual([]);
  await wrong();
  await site.mailTo(someone.email, /accepted again once you open this link/);
  const refused = await atSecondStep(someone);
  for (let i = 0; i < 5; i += 1) expect((await refused.send(guess(i))).status).toBe(403);
  expect(mailsTo(someone.email, /wrong codes for two-step verification in a row/)).toHaveLength(1);
  expect(mailsTo(someone.email, /Accept codes again/)).toHaveLength(1);
  // The link may be lost: an hour later a refused code sends another one, and five work at most.
  for (let hour = 0; hour < 8; hour += 1) {
    await later(3_600_000);
    expect((await (await atSecondStep(someone)).send(guess(1))).status).toBe(403);
  }
  const links = await site.cluster.read(
    "SELECT 1 FROM account_tokens WHERE user_id = ? AND purpose = 'unlock-codes' AND expires_at > ?",
    [id, now],
  );
  expect(links).toHaveLength(limits.outstandingTokens);
});

it('codes are accepted again by the link of the mail, by the button only, once', async () => {
  const { someone, id, secret } = await enrolled();
  await failed(id, 50);
  const there = await atSecondStep(someone);
  expect((await there.send(appCode(secret))).status).toBe(403);
  const { link, token } = await site.mailTo(someone.email, /accepted again once you open this link/);
  const page = site.browser();
  const shown = await page.get(link);
  expect([shown.status, shown.headers['referrer-policy']]).toEqual([200, 'no-referrer']);
  expect((await there.send(appCode(secret))).status).toBe(403);
  const done = await page.send(link, { token });
  expect([done.status, done.headers.location]).toEqual([303, '/login/unlock?done=on']);
  expect((await there.send(appCode(secret))).status).toBe(200);
  await site.audit(id, 'codes-allowed');
  await failed(id, 50);
  expect(outcome(await page.agent.post('/api/login/unlock').send({ token }))).toEqual([400, 'invalid_token']);
  const form = { _csrf: await page.token('/login'), token };
  expect((await page.agent.post('/login/unlock').type('form').send(form)).status).toBe(400);
});

it('the link works after the password was changed, not after a day, and not for another address', async () => {
  const { agent, someone, id, secret } = await enrolled();
  await failed(id, 50);
  const there = await atSecondStep(someone);
  await there.send(appCode(secret));
  const { token } = await site.mailTo(someone.email, /accepted again once you open this link/);
  const password = 'a completely new one';
  await jumpTo((now += 1));
  await site.cluster.write('UPDATE users SET email = ? WHERE id = ?', [`new-${someone.email}`, id]);
  const unlock = () => site.browser().agent.post('/api/login/unlock').send({ token });
  expect(outcome(await unlock())).toEqual([400, 'invalid_token']);
  await site.cluster.write('UPDATE users SET email = ? WHERE id = ?', [someone.email, id]);
  const changed = await agent.put('/api/password').send({ currentPassword: someone.password, password });
  expect(changed.status).toBe(204);
  const [row] = await site.cluster.read(
    'SELECT expires_at AS at FROM account_tokens WHERE user_id = ? AND purpose = ?',
    [id, 'unlock-codes'],
  );
  expect(Number((row as { at?: number }).at)).toBeLessThanOrEqual(now + limits.unlockTokenMs);
  await jumpTo(now + limits.unlockTokenMs);
  expect(outcome(await unlock())).toEqual([400, 'invalid_token']);
  await jumpTo(now + limits.unlockTokenMs - 60_000);
  expect((await unlock()).status).toBe(204);
});

it('a recovery code works beyond 50 wrong codes, and accepts codes of the app again', async () => {
  const { someone, id, secret, codes, failures } = await enrolled();
  await failed(id, 50);
  const there = await atSecondStep(someone);
  expect((await there.send('AAAAA-AAAAA-AAAAA-AAAAA-AAAAA')).status).toBe(422);
  expect((await there.send(codes[0])).status).toBe(200);
  expect(await failures()).toBe(0);
  await later(30_000);
  expect((await (await atSecondStep(someone)).send(appCode(secret))).status).toBe(200);
});

it('wrong recovery codes count too, and a right code of the app deletes the count', async () => {
  const { someone, secret, failures } = await enrolled();
  const there = await atSecondStep(someone);
  for (let i = 0; i < 3; i += 1) expect((await there.send(`AAAAA-AAAAA-AAAAA-AAAAA-AAAA${i}`)).status).toBe(422);
  expect(await failures()).toBe(3);
  expect((await there.send(appCode(secret))).status).toBe(200);
  expect(await failures()).toBe(0);
});

it('a passkey signs in beyond 50 wrong codes, and accepts codes of the app again', async () => {
  const { agent, id, secret, failures } = await enrolled();
  expect((await agent.post('/api/reauthenticate').send({ code: appCode(secret) })).status).toBe(204);
  const key = new Authenticator();
  const options = await agent.post('/api/passkeys/options').send({});
  const response = key.create(options.body as Parameters<Authenticator['create']>[0]);
  expect((await agent.post('/api/passkeys').send({ response, name: 'Phone' })).status).toBe(201);
  await failed(id, 50);
  const there = site.browser().agent;
  const asked = await there.post('/api/login/passkey/options').send({});
  const signed = key.get(asked.body as Parameters<Authenticator['get']>[0]);
  expect((await there.post('/api/login/passkey').send({ response: signed })).status).toBe(200);
  expect(await failures()).toBe(0);
});

it('an administrator accepts codes again, with a fresh proof of identity, and the audit log says so', async () => {
  const { someone, id, secret } = await enrolled();
  await failed(id, 50);
  const admin = await site.registered();
  await site.cluster.write(`UPDATE users SET roles = '["admin"]' WHERE id = ?`, [admin.id]);
  expect((await admin.agent.delete(`/api/admin/users/${id}/wrong-codes`)).status).toBe(404);
  expect((await admin.agent.post('/api/login').send(admin.someone)).status).toBe(200);
  expect((await admin.get(`/admin/users/${id}`)).text).toContain('Accept codes again');
  await later(6 * 60_000);
  const stale = await admin.agent.delete(`/api/admin/users/${id}/wrong-codes`);
  expect(outcome(stale)).toEqual([403, 'reauthentication_required']);
  await admin.agent.post('/api/reauthenticate').send({ currentPassword: admin.someone.password });
  expect((await admin.send(`/admin/users/${id}`, { action: 'allow-codes' })).status).toBe(303);
  const [event] = await site.audit(id, 'admin');
  expect(event.details).toEqual({ command: 'allow-codes', by: admin.id });
  expect((await (await atSecondStep(someone)).send(appCode(secret))).status).toBe(200);
  await failed(id, 3);
  expect((await admin.agent.delete(`/api/admin/users/${id}/wrong-codes`)).status).toBe(204);
  expect(await site.app.get(FactorFailures).of(id)).toBe(0);
});

it('a password alone makes no device known where there is a second factor', async () => {
  const { someone, secret } = await enrolled();
  const there = site.browser().agent;
  const first = await there.post('/api/login').send(someone);
  expect(String(first.headers['set-cookie'])).not.toContain('device=');
  const second = await there.post('/api/login/second').send({ code: appCode(secret) });
  expect(second.status).toBe(200);
  expect(String(second.headers['set-cookie'])).toContain('device=');
});

it('ASVS 6.1.1: nobody elsewhere keeps a signed-in user from confirming the identity, by password or code', async () => {
  const { agent, someone } = await site.registered();
  jest.replaceProperty(limits, 'strangersPerDay', 1 as never);
  jest.replaceProperty(limits, 'firstTriesPerDay', 1 as never);
  const stolen = site.browser().agent;
  await stolen.post('/api/login').send(someone);
  const prove = (who: typeof agent, ip: string, currentPassword: string) =>
    who.post('/api/reauthenticate').set('x-forwarded-for', ip).send({ currentPassword });
  const statuses = [];
  for (let i = 0; i < 7; i += 1) statuses.push((await prove(stolen, `203.0.113.${i}`, `wrong guess ${i}`)).status);
  // By session, wherever it is used from.
  expect(statuses).toEqual([422, 422, 422, 422, 422, 429, 429]);
  expect((await prove(agent, '203.0.113.1', someone.password)).status).toBe(204);
});

it('ends with the account', async () => {
  const { agent, someone, id } = await site.registered();
  await failed(id, 3);
  expect((await agent.delete('/api/account').send({ currentPassword: someone.password })).status).toBe(204);
  expect(await site.app.get(FactorFailures).of(id)).toBe(0);
});
