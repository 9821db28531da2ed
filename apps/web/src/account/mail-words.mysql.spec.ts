// No words of a user go to an address that nobody has confirmed: it may be anybody's.
import { afterAll, beforeAll, expect, it, jest } from '@jest/globals';
import { MailService, recipientOf } from '../mail/mail.service.js';
import { OutboxWorker } from '../outbox/outbox-worker.js';
import { appCode, person, Site } from '../testing/site.js';
import { until } from '../testing/time.js';
import { UsersService } from '../users/users.service.js';
import { accountMails } from './account-mails.js';

jest.setTimeout(60_000);

const site = new Site();
beforeAll(() => site.start(), 180_000);
afterAll(() => site.stop());

const name = 'You won! Get it at http://evil.example';
const words = /you won|evil/i;
const all = ({ text, html = '', headers }: { text: string; html?: string; headers: string }) => text + html + headers;
const mailsTo = (address: string) => site.mailCatcher.mails.filter(({ to }) => to === address);

/** Every e-mail that there is. */
const templates = {
  verify: [accountMails.verify('http://localhost:8080/x?token=y')],
  reset: [accountMails.reset('http://localhost:8080/x?token=y', 10)],
  passwordChanged: [accountMails.passwordChanged()],
  secondFactor: [accountMails.secondFactor(true), accountMails.secondFactor(false)],
  passkey: [accountMails.passkey(true), accountMails.passkey(false)],
  deleted: [accountMails.deleted()],
  deactivated: [accountMails.deactivated()],
  emailChanging: [accountMails.emailChanging()],
  emailChanged: [accountMails.emailChanged()],
  newDevice: [accountMails.newDevice({ device: 'Firefox on Linux', ip: '192.0.2.1', at: new Date() })],
  wrongCodes: [accountMails.wrongCodes(10)],
  unlockCodes: [accountMails.unlockCodes('http://localhost:8080/x?token=y')],
} satisfies Record<keyof typeof accountMails, unknown>;

it('ASVS 6.3.7: no mail of any kind holds the chosen name before the address is confirmed, and each does after', async () => {
  const mails = Object.values(templates).flat();
  expect(Object.keys(templates).sort()).toEqual(Object.keys(accountMails).sort());
  const { id, someone } = await site.registered(site.app, name);
  const users = site.app.get(UsersService);
  const send = async (key: string) => {
    const user = (await users.findById(id))!;
    for (const mail of mails)
      await site.app.get(MailService).notify(recipientOf(user), mail, { key: `${key} ${mail.subject}`, from: 'x' });
  };
  await until(() => mailsTo(someone.email).length === 1);
  await send('before');
  await until(() => mailsTo(someone.email).length === 1 + mails.length);
  for (const mail of mailsTo(someone.email)) {
    expect(mail.text).toMatch(/^Hello there,/);
    expect(all(mail)).not.toMatch(words);
  }
  await users.change(id, { emailVerifiedAt: new Date() });
  await send('after');
  await until(() => mailsTo(someone.email).length === 1 + 2 * mails.length);
  for (const mail of mailsTo(someone.email).slice(1 + mails.length)) expect(mail.text).toContain(`Hello ${name},`);
});

it('what somebody does with an account opened for a stranger’s address brings that one no word of theirs', async () => {
  const { agent, someone } = await site.registered(site.app, name);
  const { password } = someone;
  const sent: number[] = [];
  const done = (answer: { status: number }) => sent.push(answer.status);
  done(await agent.post('/api/email/verification'));
  done(await agent.post('/api/password/forgotten').send({ email: someone.email }));
  const next = 'a completely new one';
  done(await agent.put('/api/password').send({ currentPassword: password, password: next }));
  const enrolled = await agent.post('/api/factors/totp').send({ currentPassword: next });
  const { secret } = enrolled.body as { secret: string };
  done(await agent.post('/api/factors/totp/confirm').send({ code: appCode(secret) }));
  done(await agent.delete('/api/factors/totp').send({ currentPassword: next }));
  const stranger = person();
  done(await agent.put('/api/email').send({ email: stranger.email, currentPassword: next }));
  done(await agent.delete('/api/account').send({ currentPassword: next }));
  expect(sent.every((status) => status < 300)).toBe(true);
  site.app.get(OutboxWorker).kick();
  await until(() => mailsTo(someone.email).length === 8 && mailsTo(stranger.email).length === 1);
  for (const mail of [...mailsTo(someone.email), ...mailsTo(stranger.email)]) expect(all(mail)).not.toMatch(words);
});

it('a confirmed account’s owner is told by name, and a new address that is not theirs yet is not', async () => {
  const { agent, someone } = await site.registered(site.app, name);
  const { token } = await site.mailTo(someone.email, /confirm that it is yours/);
  expect((await agent.post('/api/email/confirm').send({ token })).status).toBe(204);
  const { email } = person();
  expect((await agent.put('/api/email').send({ email, currentPassword: someone.password })).status).toBe(202);
  expect((await site.mailTo(someone.email, /another e-mail address/)).text).toContain(`Hello ${name},`);
  expect(all(await site.mailTo(email, /confirm that it is yours/))).not.toMatch(words);
});
