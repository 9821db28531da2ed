// Notices to the owner of an account, and their link "This was not me", over a real MySQL server.
import { afterAll, afterEach, beforeAll, expect, it, jest } from '@jest/globals';
import { limits } from '../config/limits.js';
import { Authenticator } from '../passkeys/testing/authenticator.js';
import { appCode, outcome, Site } from '../testing/site.js';
import { backToNow, jumpTo, until } from '../testing/time.js';

jest.setTimeout(120_000);

const site = new Site();
beforeAll(() => site.start(), 180_000);
afterAll(() => site.stop());
afterEach(backToNow);

const newDevice = /signed in to on a new device/;
const noticesTo = (address: string) =>
  site.mailCatcher.mails.filter((mail) => mail.to === address && newDevice.test(mail.text));
const firefox = { 'user-agent': 'Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/140.0' };

it('a new device is told to the owner, a known one and the registration are not', async () => {
  const { agent, someone } = await site.registered();
  expect((await agent.post('/api/login').send(someone)).status).toBe(200);
  const there = site.browser(site.app, firefox).agent;
  expect((await there.post('/api/login').send(someone)).status).toBe(200);
  const { text, link } = await site.mailTo(someone.email, newDevice);
  expect(text).toMatch(/Firefox on Linux, from the address \S*127\.0\.0\.1/);
  expect(link).toMatch(/^\/not-me\?token=/);
  expect((await there.post('/api/login').send(someone)).status).toBe(200);
  expect(noticesTo(someone.email)).toHaveLength(1);

  // A second factor does not make the device known.
  const begun = await agent.post('/api/factors/totp').send({ currentPassword: someone.password });
  const code = appCode((begun.body as { secret: string }).secret);
  const confirmed = await agent.post('/api/factors/totp/confirm').send({ code });
  const [recoveryCode] = (confirmed.body as { recoveryCodes: string[] }).recoveryCodes;
  const windows = site.browser(site.app, { 'user-agent': 'Firefox/140 Windows' }).agent;
  expect((await windows.post('/api/login').send(someone)).status).toBe(401);
  expect((await windows.post('/api/login/second').send({ code: recoveryCode })).status).toBe(200);
  await site.mailTo(someone.email, /new device: Firefox on Windows/);
  const key = new Authenticator();
  const created = await agent.post('/api/passkeys/options').send({});
  const passkey = { response: key.create(created.body as never), name: 'Key' };
  expect((await agent.post('/api/passkeys').send(passkey)).status).toBe(201);
  const android = site.browser(site.app, { 'user-agent': 'Firefox/140 Android' }).agent;
  const asked = await android.post('/api/login/passkey/options').send({});
  const response = key.get(asked.body as never);
  expect((await android.post('/api/login/passkey').send({ response })).status).toBe(200);
  await site.mailTo(someone.email, /new device: Firefox on Android/);
});

it('mails about new devices are a few a day at most', async () => {
  const { someone } = await site.registered();
  const devices = ['Windows', 'Android', 'Linux', 'Macintosh', 'CrOS', 'iPhone', 'iPad'].map(
    (on) => `Firefox/140 ${on}`,
  );
  expect(devices.length).toBeGreaterThan(limits.newDeviceMailsPerDay);
  for (const device of devices) {
    const browser = site.browser(site.app, { 'user-agent': device });
    expect((await browser.agent.post('/api/login').send(someone)).status).toBe(200);
  }
  await until(() => noticesTo(someone.email).length === limits.newDeviceMailsPerDay);
  await site.audit((await site.registered()).id, 'login');
  expect(noticesTo(someone.email)).toHaveLength(limits.newDeviceMailsPerDay);
});

it('mails about new devices can be switched off for the site', async () => {
  const quiet = await site.server({ NEW_DEVICE_MAILS: 'off' });
  const { someone } = await site.registered();
  expect((await site.browser(quiet).agent.post('/api/login').send(someone)).status).toBe(200);
  expect((await site.browser().agent.post('/api/login').send(someone)).status).toBe(200);
  await site.mailTo(someone.email, newDevice);
  expect(noticesTo(someone.email)).toHaveLength(1);
});

it('ASVS 6.3.7: "This was not me" ends all sessions and the password and mails a reset, by the button only, once', async () => {
  const { agent, someone, id } = await site.registered();
  const thief = site.browser().agent;
  expect((await thief.post('/api/login').send(someone)).status).toBe(200);
  const { link, token } = await site.mailTo(someone.email, newDevice);
  const page = site.browser();
  const shown = await page.get(link);
  expect([shown.status, shown.headers['referrer-policy']]).toEqual([200, 'no-referrer']);
  expect((await thief.get('/api/me')).status).toBe(200);
  const done = await page.send(link, { token });
  expect([done.status, done.headers.location]).toEqual([303, '/not-me?done=on']);
  for (const browser of [agent, thief]) expect((await browser.get('/api/me')).status).toBe(401);
  expect((await thief.post('/api/login').send(someone)).status).toBe(401);
  const reset = await site.mailTo(someone.email, /request to set a new password/);
  const password = 'a completely new one';
  expect((await page.agent.post('/api/password/reset').send({ token: reset.token, password })).status).toBe(204);
  expect((await agent.post('/api/login').send({ ...someone, password })).status).toBe(200);
  await site.audit(id, 'not-me');
  expect(outcome(await page.agent.post('/api/not-me').send({ token }))).toEqual([400, 'invalid_token']);
  expect((await agent.get('/api/me')).status).toBe(200);
});

it('the link survives a change of password and address by a thief, who loses both by it', async () => {
  const { agent, someone } = await site.registered();
  const thief = site.browser().agent;
  expect((await thief.post('/api/login').send(someone)).status).toBe(200);
  const { token } = await site.mailTo(someone.email, newDevice);
  const password = 'only the thief knows it';
  const change = { currentPassword: someone.password, password };
  expect((await thief.put('/api/password').send(change)).status).toBe(204);
  expect((await site.mailTo(someone.email, /password of your account has been changed/)).link).toMatch(/^\/not-me/);
  const email = `thief-${someone.email}`;
  expect((await thief.put('/api/email').send({ email, currentPassword: password })).status).toBe(202);
  const confirmation = await site.mailTo(email, /confirm that it is yours/);
  expect((await thief.post('/api/email/confirm').send({ token: confirmation.token })).status).toBe(204);
  await site.mailTo(someone.email, /e-mail address of your account was changed/);
  // The thief is told of the next change, with a link to the thief's address.
  const again = { currentPassword: password, password: 'only the thief knows this one' };
  expect((await thief.put('/api/password').send(again)).status).toBe(204);
  const theirs = await site.mailTo(email, /password of your account has been changed/);
  expect(theirs.link).toMatch(/^\/not-me/);
  expect((await agent.post('/api/not-me').send({ token })).status).toBe(204);
  expect(outcome(await thief.post('/api/not-me').send({ token: theirs.token }))).toEqual([400, 'invalid_token']);
  expect((await thief.get('/api/me')).status).toBe(401);
  expect((await thief.post('/api/login').send({ email, password: again.password })).status).toBe(401);
  await site.mailTo(someone.email, /request to set a new password/);
});

it('ASVS 6.5.5: the link works for three days, and only its hash is kept', async () => {
  const { someone } = await site.registered();
  const now = Date.now();
  expect((await site.browser().agent.post('/api/login').send(someone)).status).toBe(200);
  const { token } = await site.mailTo(someone.email, newDevice);
  const rows = await site.cluster.read('SELECT HEX(hash) AS hash, email FROM account_tokens', []);
  expect(JSON.stringify(rows)).not.toContain(token);
  await jumpTo(now + limits.noticeTokenMs + 60_000);
  expect(outcome(await site.browser().agent.post('/api/not-me').send({ token }))).toEqual([400, 'invalid_token']);
});
