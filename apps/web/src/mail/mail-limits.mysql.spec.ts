// How many e-mails the site sends, counted where they are written: to one address, from one address, of one account.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { RowDataPacket } from 'mysql2';
import { setTimeout as sleep } from 'node:timers/promises';
import { limits } from '../config/limits.js';
import { Transactions } from '../database/transactions.js';
import { OutboxWorker } from '../outbox/outbox-worker.js';
import { person, Site } from '../testing/site.js';
import { backToNow, jumpTo, until } from '../testing/time.js';
import { MailCounts } from './mail-counts.js';
import { MailService } from './mail.service.js';

jest.setTimeout(180_000);

const site = new Site();
beforeAll(() => site.start({ TRUSTED_PROXIES: 'loopback' }), 180_000);
afterAll(() => site.stop());
afterEach(backToNow);

const password = 'a completely new one';
let addresses = 0;
const elsewhere = () => `198.51.100.${(addresses += 1)}`;
const from = (ip: string) => site.browser(site.app, { 'x-forwarded-for': ip }).agent;
const mailsTo = (address: string) => site.mailCatcher.mails.filter(({ to }) => to === address);
const subjectsTo = (address: string) => mailsTo(address).map(({ headers }) => /Subject: (.*)\r/.exec(headers)![1]);
const rows = () =>
  site.cluster.read<RowDataPacket>('SELECT kind, due_at - created_at AS delay FROM outbox WHERE due_at > 0', []);
/** Until all is sent that is due; what is to be sent later is sent too with `later`. */
async function untilSent({ later = false } = {}): Promise<void> {
  const worker = site.app.get(OutboxWorker);
  const waits = () =>
    site.cluster.read('SELECT 1 FROM outbox WHERE due_at > 0 AND (? OR due_at <= created_at OR attempts > 0)', [later]);
  await until(async () => {
    if (later) await site.cluster.write('UPDATE outbox SET due_at = 1 WHERE attempts = 0 AND due_at > 0', []);
    worker.kick();
    return (await waits()).length === 0;
    // On a busy machine an attempt may fail, and is made again after a minute.
  }, 90_000);
}
const refusals = () => site.logged.filter((line) => line.includes('"audit: mail-refused"'));

async function registered(ip = elsewhere()) {
  const someone = person();
  const agent = from(ip);
  const answer = await agent.post('/api/register').send(someone);
  expect(answer.status).toBe(201);
  return { agent, someone, id: (answer.body as { user: { id: string } }).user.id };
}

async function confirmed(ip = elsewhere()) {
  const { agent, ...rest } = await registered(ip);
  const { token } = await site.mailTo(rest.someone.email, /confirm that it is yours/);
  expect((await agent.post('/api/email/confirm').send({ token })).status).toBe(204);
  return { agent, ...rest };
}

/** At the beginning of a period of notices. */
const atBeginning = () =>
  jumpTo(Math.ceil(Date.now() / limits.noticeUnconfirmedMs) * limits.noticeUnconfirmedMs + 1_000);

describe('mails to an address that nobody has confirmed', () => {
  it('are few, however often somebody opens an account with it and deletes it', async () => {
    await atBeginning();
    const stranger = person();
    site.logged.length = 0;
    for (let i = 0; i < 25; i += 1) {
      const agent = from(elsewhere());
      expect((await agent.post('/api/register').send(stranger)).status).toBe(201);
      const deletion = { currentPassword: stranger.password };
      expect((await agent.delete('/api/account').send(deletion)).status).toBe(204);
    }
    await untilSent({ later: true });
    const subjects = subjectsTo(stranger.email);
    const of = (subject: string) => subjects.filter((each) => each.includes(subject)).length;
    expect([of('confirm'), of('deleted'), subjects.length]).toEqual([limits.mailsPerRecipient, 2, 8]);
    expect(mailsTo(stranger.email).at(-1)!.text).toContain('This has happened 24 more times since our last e-mail');
    expect(refusals()).toHaveLength(25 - limits.mailsPerRecipient);
    expect(refusals()[0]).toContain('"limit":"mail-to"');
    expect(refusals().join('')).not.toContain('@');
    // An hour later its owner opens an account, and has the mail.
    await jumpTo(Date.now() + limits.throttleMailsMs + 1_000);
    const before = mailsTo(stranger.email).length;
    expect((await from(elsewhere()).post('/api/register').send(stranger)).status).toBe(201);
    await until(() => mailsTo(stranger.email).length === before + 1);
  });

  it('are 50 an hour from one address: 70 registrations', async () => {
    const ip = elsewhere();
    site.logged.length = 0;
    const people = [];
    for (let i = 0; i < 70; i += 1) people.push((await registered(ip)).someone.email);
    await untilSent();
    expect(people.filter((email) => mailsTo(email).length === 1)).toHaveLength(50);
    expect(refusals()).toHaveLength(20);
    expect(refusals()[0]).toContain('"limit":"mail-from"');
    // Whoever has an account may ask for theirs, though strangers have used up all that their address may.
    const { agent, someone } = await registered(ip);
    expect((await agent.post('/api/email/verification')).status).toBe(202);
    await until(() => mailsTo(someone.email).length === 1);
  });

  it('are 50 an hour from one network of IPv6', async () => {
    const agents = [];
    for (let i = 0; i < 51; i += 1) agents.push(await registered(`2001:db8:7:7::${i.toString(16)}`));
    await untilSent();
    expect(agents.map(({ someone }) => mailsTo(someone.email).length).filter((n) => n === 1)).toHaveLength(50);
  });

  it('are ten an hour of one account, from however many addresses', async () => {
    const { agent, someone, id } = await confirmed();
    const strangers = Array.from({ length: 12 }, () => person().email);
    for (const email of strangers) {
      const change = { email, currentPassword: someone.password };
      const answer = await agent.put('/api/email').set('x-forwarded-for', elsewhere()).send(change);
      expect(answer.status).toBe(202);
      await site.cluster.write("DELETE FROM account_tokens WHERE user_id = ? AND claimed_by = ''", [id]);
    }
    await untilSent();
    // One was for the account's own address.
    expect(strangers.filter((email) => mailsTo(email).length === 1)).toHaveLength(limits.mailsPerAccount - 1);
    await until(async () => (await site.audit(id, 'mail-refused', 3)).length === 3);
  });

  it('leave one after the other where one client changes many accounts, and none is lost', async () => {
    await untilSent({ later: true });
    await atBeginning();
    const ip = elsewhere();
    const mails = site.app.get(MailService);
    const note = { subject: 'A change', paragraphs: ['Something has changed.'] };
    const options = { from: ip };
    const people = Array.from({ length: 52 }, () => person().email);
    for (const [i, email] of people.entries()) await mails.notify({ email }, note, { ...options, key: `paced ${i}` });
    await untilSent();
    const sent = () => people.filter((email) => mailsTo(email).length === 1).length;
    expect(sent()).toBe(50);
    const delays = (await rows()).map(({ delay }) => Math.round(Number(delay) / 1_000));
    expect(delays.sort((a, b) => a - b)).toEqual([72, 144]);
    await untilSent({ later: true });
    expect(sent()).toBe(52);
  });
});

describe('mails about changes', () => {
  it('are none where the same password is set again: 60 times', async () => {
    const { agent, someone, id } = await confirmed();
    await untilSent();
    const sent = mailsTo(someone.email).length;
    const change = { currentPassword: someone.password, password: someone.password };
    for (let i = 0; i < 60; i += 1) expect((await agent.put('/api/password').send(change)).status).toBe(204);
    await untilSent({ later: true });
    expect(mailsTo(someone.email)).toHaveLength(sent);
    expect((await site.audit(id, 'password-changed', 60))[0].details).toMatchObject({ unchanged: true });
    expect((await from(elsewhere()).post('/api/login').send(someone)).status).toBe(200);
  });

  it('are one at once and one later, which says how many: 20 passwords', async () => {
    await atBeginning();
    const { agent, someone } = await confirmed();
    let present = someone.password;
    const change = async (next: string) => {
      const answer = await agent.put('/api/password').send({ currentPassword: present, password: next });
      expect(answer.status).toBe(204);
      present = next;
    };
    for (let i = 0; i < 20; i += 1) await change(`${password} ${i}`);
    await until(() => mailsTo(someone.email).length === 2);
    const [later] = (await rows()).filter(({ kind }) => kind === 'notices');
    expect(Number(later.delay)).toBeLessThanOrEqual(limits.noticeMs + 5_000);
    await untilSent({ later: true });
    expect(mailsTo(someone.email)).toHaveLength(3);
    expect(mailsTo(someone.email)[2].text).toContain('This has happened 19 more times since our last e-mail');
    // The later one is the first of the next period.
    await jumpTo(Date.now() + limits.noticeMs);
    for (let i = 20; i < 23; i += 1) await change(`${password} ${i}`);
    await untilSent({ later: true });
    expect(mailsTo(someone.email)).toHaveLength(4);
    expect(mailsTo(someone.email)[3].text).toContain('This has happened 3 more times');
    // Then nothing happens for a while.
    await jumpTo(Date.now() + 2 * limits.noticeMs);
    await change(`${password} 23`);
    await until(() => mailsTo(someone.email).length === 5);
  });

  it('are sent whatever was asked for before, by strangers and by whoever makes the change', async () => {
    const ip = elsewhere();
    const { agent, someone, id } = await confirmed(ip);
    for (let i = 0; i < 60; i += 1) await registered(ip);
    for (let i = 0; i < 12; i += 1)
      await agent
        .put('/api/email')
        .set('x-forwarded-for', elsewhere())
        .send({ email: person().email, currentPassword: someone.password });
    await site.audit(id, 'email-change-asked', 12);
    const change = { currentPassword: someone.password, password };
    expect((await agent.put('/api/password').send(change)).status).toBe(204);
    await site.mailTo(someone.email, /The password of your account has been changed/);
  });
});

describe('links to set a new password', () => {
  beforeEach(() => void jest.replaceProperty(limits, 'mailDelayMs', 1 as never));

  it('are bounded a day where strangers ask, and still there is always one that works', async () => {
    jest.replaceProperty(limits, 'resetMailsPerDay', 3 as never);
    const { someone, id } = await registered();
    const { email } = someone;
    const asked = async (times: number) => {
      for (let i = 0; i < times; i += 1)
        expect((await from(elsewhere()).post('/api/password/forgotten').send({ email })).status).toBe(202);
      await untilSent();
      return subjectsTo(email).filter((subject) => subject.includes('new password')).length;
    };
    expect(await asked(9)).toBe(3);
    await site.cluster.write('UPDATE account_tokens SET expires_at = 1 WHERE user_id = ?', [id]);
    expect(await asked(9)).toBe(4);
    const { token } = await site.mailTo(email, /request to set a new password/);
    expect((await from(elsewhere()).post('/api/password/reset').send({ token, password })).status).toBe(204);
  });

  it('are 50 an hour from one address, and those that the owner asks for do not count where the address is confirmed', async () => {
    const ip = elsewhere();
    const people = [];
    for (let i = 0; i < 12; i += 1) people.push(await confirmed());
    const { agent, someone } = await confirmed(ip);
    const stranger = from(ip);
    for (const each of people)
      for (let i = 0; i < 5; i += 1) {
        await site.cluster.write("DELETE FROM throttles WHERE name LIKE 'mail-address:%'", []);
        await stranger.post('/api/password/forgotten').send({ email: each.someone.email });
      }
    await untilSent();
    const links = (email: string) => subjectsTo(email).filter((subject) => subject.includes('new password')).length;
    // One of the 50 was the registration's.
    expect(people.reduce((sum, each) => sum + links(each.someone.email), 0)).toBe(49);
    await agent.post('/api/password/forgotten').send({ email: someone.email });
    await until(() => links(someone.email) === 1);
  });
});

it('a limit is not exceeded by mails at the same moment, nor counted where the change fails', async () => {
  const [counts, transactions] = [site.app.get(MailCounts), site.app.get(Transactions)];
  const two = ['race:a', 'race:b'].map((name) => ({ name, limit: 3, forMs: 60_000 }));
  const failing = transactions.run(async (manager) => {
    expect(await counts.take(two, manager)).toBeUndefined();
    throw new Error('rolled back');
  });
  await expect(failing).rejects.toThrow('rolled back');
  const take = (i: number) =>
    transactions.run(async (manager) => {
      const reached = await counts.take(i % 2 ? two : two.toReversed(), manager);
      await sleep(20);
      return reached;
    });
  const taken = await Promise.all(Array.from({ length: 8 }, (_, i) => take(i)));
  expect(taken.filter((reached) => reached === undefined)).toHaveLength(3);
});
