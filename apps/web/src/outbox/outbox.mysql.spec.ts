// The outbox over a real MySQL server: no mail is lost with its web server, none is sent twice, and none is readable at rest.
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { NestExpressApplication } from '@nestjs/platform-express';
import type { RowDataPacket } from 'mysql2';
import { randomBytes, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Transactions } from '../database/transactions.js';
import { MailService } from '../mail/mail.service.js';
import { expiredRows } from '../tasks/expired-rows.js';
import { appCode, person, Site } from '../testing/site.js';
import { until } from '../testing/time.js';
import { Outbox } from './outbox.js';
import { OutboxWorker } from './outbox-worker.js';

jest.setTimeout(60_000);

interface Row extends RowDataPacket {
  readonly id: string;
  readonly content: Buffer | null;
  readonly attempts: number;
  readonly due_at: number | null;
  readonly sent_at: number | null;
}

const site = new Site();
let other: NestExpressApplication;
beforeAll(async () => {
  await site.start();
  other = await site.server({ SERVER_NAME: 'web2' });
}, 180_000);
afterAll(() => site.stop());
afterEach(async () => {
  jest.restoreAllMocks();
  await untilNothingIsDue();
  await site.cluster.write('DELETE FROM outbox', []);
});

const workers = () => [site.app, other].map((app) => app.get(OutboxWorker));
/** Until `restoreAllMocks` these web servers send nothing. */
const holdBack = (...apps: NestExpressApplication[]) => {
  for (const app of apps) jest.spyOn(app.get(OutboxWorker), 'kick').mockReturnValue(undefined);
};
const rows = () => site.cluster.read<Row>('SELECT * FROM outbox ORDER BY created_at', []);
const untilNothingIsDue = () =>
  until(async () => {
    for (const worker of workers()) worker.kick();
    return (await rows()).every(({ due_at }) => due_at === null);
  });
const mailsTo = (address: string) => site.mailCatcher.mails.filter(({ to }) => to === address);
const letter = { subject: 'A letter', paragraphs: ['A secret.'] };
const send = (email: string, app = site.app) =>
  app.get(MailService).notify({ email, name: 'Ann' }, letter, { key: randomUUID(), from: 'x' });
/** Longer than an attempt takes on a busy machine. */
const soon = (worker: OutboxWorker, retries = 2) =>
  jest.replaceProperty(worker, 'pauses', Array<number>(retries).fill(500));

describe('a mail', () => {
  it('is sent by another web server when the one that wrote it is gone', async () => {
    const dying = await site.server({ SERVER_NAME: 'web3' });
    holdBack(site.app, other, dying);
    const { someone } = await site.registered(dying);
    await dying.close();
    expect(mailsTo(someone.email)).toEqual([]);
    jest.restoreAllMocks();
    // Nobody kicks: the other servers look for it.
    expect((await site.mailTo(someone.email, /confirm that it is yours/)).token).not.toBe('');
  });

  it('is sent by another web server when the first one stops within its attempt', async () => {
    const dying = await site.server({ SERVER_NAME: 'web3' });
    const worker = dying.get(OutboxWorker);
    soon(worker);
    holdBack(site.app, other);
    const begun = new Promise<void>((resolve) => {
      worker.handle('mail', () => {
        resolve();
        return new Promise(() => undefined);
      });
    });
    const { email } = person();
    await send(email, dying);
    await begun;
    jest.restoreAllMocks();
    await until(() => mailsTo(email).length === 1);
  });

  it('has a moment to be sent when its web server stops', async () => {
    const stopping = await site.server({ SERVER_NAME: 'web3' });
    holdBack(site.app, other);
    const begun = new Promise<void>((resolve) => {
      stopping.get(OutboxWorker).handle('mail', () => {
        resolve();
        return sleep(300);
      });
    });
    await send(person().email, stopping);
    await begun;
    await stopping.close();
    expect(await rows()).toMatchObject([{ content: null, sent_at: expect.anything() }]);
  });

  it('is sent once when two web servers find it at the same time', async () => {
    holdBack(site.app, other);
    const people = Array.from({ length: 20 }, () => person().email);
    await Promise.all(people.map((email) => send(email)));
    jest.restoreAllMocks();
    await untilNothingIsDue();
    expect(people.map((email) => mailsTo(email).length)).toEqual(people.map(() => 1));
    expect((await rows()).map(({ attempts }) => attempts)).toEqual(people.map(() => 1));
  });

  it('is sent later when the mail server was away, and each failure is logged without address and content', async () => {
    const cutOff = await site.server({ SERVER_NAME: 'web3', MAIL_URL: 'smtp://127.0.0.1:1' });
    soon(cutOff.get(OutboxWorker), 100);
    holdBack(site.app, other);
    site.logged.length = 0;
    const { email } = person();
    await send(email, cutOff);
    await until(() => site.logged.some((line) => line.includes('could not send an e-mail: trying again')));
    await cutOff.close();
    jest.restoreAllMocks();
    await until(() => mailsTo(email).length === 1);
    expect(site.logged.join('')).toContain('"code":"ESOCKET"');
    expect(site.logged.join('')).not.toMatch(/@example\.org|secret/);
  });

  it.each(['refused for good', 'refused at each attempt'])('is given up when it is %s', async (how) => {
    const { email } = person();
    if (how === 'refused for good') site.mailCatcher.unknown.push(email);
    else site.mailCatcher.refuse = 3;
    for (const worker of workers()) soon(worker);
    site.logged.length = 0;
    await send(email);
    await untilNothingIsDue();
    const attempts = how === 'refused for good' ? 1 : 3;
    expect(await rows()).toMatchObject([{ attempts, due_at: null, sent_at: null, content: null }]);
    expect(mailsTo(email)).toEqual([]);
    const errors = site.logged.filter((line) => line.includes('"level":"error"'));
    expect(errors).toEqual([expect.stringContaining('could not send an e-mail: giving up')]);
    expect(site.logged.join('')).not.toMatch(/@example\.org|secret/);
  });

  it('ASVS 14.2.6: is unreadable while it waits, and erased when it is sent', async () => {
    holdBack(site.app, other);
    const { someone } = await site.registered();
    const [{ content }] = await rows();
    jest.restoreAllMocks();
    const { token } = await site.mailTo(someone.email, /confirm that it is yours/);
    for (const clear of [token, someone.email, 'confirm']) expect(content!.includes(clear)).toBe(false);
    await untilNothingIsDue();
    expect(await rows()).toMatchObject([{ content: null, sent_at: expect.anything() }]);
  });

  it('is opened after a rotation of the secrets', async () => {
    holdBack(site.app, other);
    const { email } = person();
    await send(email);
    const secrets = `${randomBytes(32).toString('base64url')},Vt7mHq2zLw9sXc4bNk8rYp3eJd6fGa5u`;
    const rotated = await site.server({ SERVER_NAME: 'web3', SESSION_SECRETS: secrets });
    rotated.get(OutboxWorker).kick();
    await until(() => mailsTo(email).length === 1);
    await rotated.close();
  });
});

describe('an effect', () => {
  it('is not written by a transaction that fails, and done soon after one that succeeds', async () => {
    const { email } = person();
    const [transactions, mails] = [site.app.get(Transactions), site.app.get(MailService)];
    const kick = jest.spyOn(site.app.get(OutboxWorker), 'kick');
    const failing = transactions.run(async (manager) => {
      await mails.notify({ email, name: 'Ann' }, letter, { key: 'failing', from: 'x', manager });
      throw new Error('rolled back');
    });
    await expect(failing).rejects.toThrow('rolled back');
    expect([await rows(), kick.mock.calls.length]).toEqual([[], 0]);
    await transactions.run(async (manager) => {
      await mails.notify({ email, name: 'Ann' }, letter, { key: 'committed', from: 'x', manager });
      expect(kick).not.toHaveBeenCalled();
    });
    expect(kick).toHaveBeenCalled();
    await until(() => mailsTo(email).length === 1);
  });

  it('is left to a web server that knows its kind', async () => {
    await other.get(Outbox).put({ kind: 'of-web2', key: 'x', content: { n: 1 } });
    const { email } = person();
    await send(email);
    await until(() => mailsTo(email).length === 1);
    expect((await rows())[0]).toMatchObject({ attempts: 0, sent_at: null });
    const done = new Promise((resolve) => {
      other.get(OutboxWorker).handle('of-web2', async (content, id) => resolve([content, id]));
    });
    other.get(OutboxWorker).kick();
    expect(await done).toEqual([{ n: 1 }, (await rows())[0].id]);
  });

  it('is forgotten an hour after it was done, or a day after it was written if it was given up', async () => {
    const [sent, refused, waiting] = [person().email, person().email, person().email];
    site.mailCatcher.unknown.push(refused);
    for (const email of [sent, refused]) await send(email);
    await untilNothingIsDue();
    holdBack(site.app, other);
    await send(waiting);
    const left = async (hours: number) => {
      await expiredRows(site.cluster, () => Date.now() + hours * 3_600_000).batch();
      return (await rows()).length;
    };
    expect([await left(0.9), await left(1.1), await left(23), await left(25)]).toEqual([3, 2, 2, 1]);
  });
});

describe('a request that a proxy repeats', () => {
  const twice = async (request: (id: string) => Promise<{ status: number }>, status: number) => {
    const id = randomUUID();
    expect((await request(id)).status).toBe(status);
    await untilNothingIsDue();
    expect((await request(id)).status).toBe(status);
    await untilNothingIsDue();
  };
  const subjects = (email: string) => mailsTo(email).map(({ headers }) => /Subject: (.*)\r/.exec(headers)![1]);

  it('sends one mail, whose link works: registration and confirmation of an address', async () => {
    const someone = person();
    const { agent } = site.browser();
    await twice((id) => agent.post('/api/register').set('X-Request-Id', id).send(someone), 201);
    expect(subjects(someone.email)).toEqual(['Please confirm your e-mail address for roam']);
    const first = await site.mailTo(someone.email, /confirm/);
    await twice((id) => agent.post('/api/email/verification').set('X-Request-Id', id), 202);
    expect(mailsTo(someone.email)).toHaveLength(2);
    const second = await site.mailTo(someone.email, /confirm/);
    expect((await agent.post('/api/email/confirm').send({ token: second.token })).status).toBe(204);
    // It was not needed, and works no longer.
    expect((await agent.post('/api/email/confirm').send({ token: first.token })).status).toBe(400);
  });

  it('sends one mail, whose link works: a forgotten password, and its reset', async () => {
    const { agent, someone } = await site.registered();
    const { email } = someone;
    await twice((id) => agent.post('/api/password/forgotten').set('X-Request-Id', id).send({ email }), 202);
    const { token } = await site.mailTo(email, /request to set a new password/);
    const reset = { token, password: 'a completely new one' };
    await twice((id) => agent.post('/api/password/reset').set('X-Request-Id', id).send(reset), 204);
    expect(subjects(email)).toEqual([
      'Please confirm your e-mail address for roam',
      'Set a new password for roam',
      'Your password for roam was changed',
    ]);
  });

  it('sends one mail to each address: another password, another address', async () => {
    const { agent, someone } = await site.registered();
    const next = { currentPassword: someone.password, password: 'a completely new one' };
    await twice((id) => agent.put('/api/password').set('X-Request-Id', id).send(next), 204);
    const { email } = person();
    const change = { email, currentPassword: next.password };
    await twice((id) => agent.put('/api/email').set('X-Request-Id', id).send(change), 202);
    expect(subjects(someone.email).slice(1)).toEqual([
      'Your password for roam was changed',
      'Your e-mail address at roam is about to change',
    ]);
    expect(mailsTo(email)).toHaveLength(1);
    const { token } = await site.mailTo(email, /confirm/);
    expect((await agent.post('/api/email/confirm').send({ token })).status).toBe(204);
  });
});

describe('a change is not made without its mail, and can be repeated:', () => {
  const failOnce = () => jest.spyOn(site.app.get(Outbox), 'put').mockRejectedValueOnce(new Error('cut off'));
  const untilItWorks = async (request: () => Promise<{ status: number }>, undone: () => Promise<void>) => {
    failOnce();
    expect((await request()).status).toBe(500);
    await undone();
    expect((await request()).status).toBeLessThan(300);
  };
  const rowsOf = (email: string) => site.cluster.read<RowDataPacket>('SELECT * FROM users WHERE email = ?', [email]);

  it('a registration', async () => {
    const someone = person();
    const { agent } = site.browser();
    await untilItWorks(
      () => agent.post('/api/register').send(someone),
      async () => expect(await rowsOf(someone.email)).toEqual([]),
    );
    await site.mailTo(someone.email, /confirm that it is yours/);
  });

  it('another password', async () => {
    const { agent, someone } = await site.registered();
    const change = { currentPassword: someone.password, password: 'a completely new one' };
    await untilItWorks(
      () => agent.put('/api/password').send(change),
      async () => expect((await site.browser().agent.post('/api/login').send(someone)).status).toBe(200),
    );
    await site.mailTo(someone.email, /has been changed/);
  });

  it('an authenticator app', async () => {
    const { agent, someone } = await site.registered();
    const enrolled = await agent.post('/api/factors/totp').send({ currentPassword: someone.password });
    const { secret } = enrolled.body as { secret: string };
    await untilItWorks(
      () => agent.post('/api/factors/totp/confirm').send({ code: appCode(secret) }),
      async () => expect((await agent.get('/api/factors')).body).toMatchObject({ totp: false }),
    );
    await site.mailTo(someone.email, /now also requires a code/);
  });

  it('the deletion of an account', async () => {
    const { agent, someone } = await site.registered();
    await untilItWorks(
      () => agent.delete('/api/account').send({ currentPassword: someone.password }),
      async () => expect(await rowsOf(someone.email)).toHaveLength(1),
    );
    await site.mailTo(someone.email, /have been deleted/);
    expect(await rowsOf(someone.email)).toEqual([]);
  });
});

it('ASVS 6.3.8: a forgotten password is one row before the answer, whether there is an account or not', async () => {
  const { someone } = await site.registered();
  await untilNothingIsDue();
  for (const { email } of [someone, person()]) {
    await site.cluster.write('DELETE FROM outbox', []);
    holdBack(site.app, other);
    expect((await site.browser().agent.post('/api/password/forgotten').send({ email })).status).toBe(202);
    const found = await rows();
    expect(found.map((row) => row.kind as string)).toEqual(['forgotten-password']);
    expect(found[0].content!.includes(email)).toBe(false);
    jest.restoreAllMocks();
    await untilNothingIsDue();
  }
});
