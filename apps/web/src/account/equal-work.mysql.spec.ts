// The statements that a request for an address causes, counted by MySQL: the same whether it has an account or not.
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import mysql, { type Connection, type RowDataPacket } from 'mysql2/promise';
import { accountKey } from '../users/account-key.js';
import { person, Site } from '../testing/site.js';
import { until } from '../testing/time.js';
import { PasswordsService } from '../users/passwords.service.js';

jest.setTimeout(60_000);

const site = new Site();
let admin: Connection;
beforeAll(async () => {
  await site.start();
  // No database is chosen: what this connection asks is not counted.
  const url = new URL(site.databases.nodes[0].adminUrl);
  url.pathname = '';
  admin = await mysql.createConnection(url.href);
}, 180_000);
afterAll(async () => {
  await admin?.end();
  await site.stop();
});

const count = async (sql: string) => Number(((await admin.query<RowDataPacket[]>(sql))[0][0] as { n: number }).n);
const isDone = async () => (await count('SELECT COUNT(*) AS n FROM roam.outbox WHERE due_at IS NOT NULL')) === 0;

/** Of the tables that accounts are about. Nobody waits for the timers of the outbox. */
const COUNTED =
  /`(users|account_tokens|outbox|passkeys|throttles|audit_events|session_epochs|sessions|turns)`|^COMMIT|^START/;
const TIMERS =
  /^SELECT .* FROM `outbox`|^DELETE FROM `(throttles|outbox|account_tokens|audit_events)` WHERE `(expires_at|sent_at|due_at|at)`/;

/** How often which statement ran, until all that the request has left to do is done. */
async function statements(request: () => Promise<unknown>, events: number): Promise<Map<string, number>> {
  await until(isDone);
  const logged = () => count('SELECT COUNT(*) AS n FROM roam.audit_events');
  const before = await logged();
  await admin.query('TRUNCATE performance_schema.events_statements_summary_by_digest');
  await request();
  await until(async () => (await isDone()) && (await logged()) >= before + events);
  const [rows] = await admin.query<(RowDataPacket & { text: string; n: number })[]>(
    `SELECT DIGEST_TEXT AS text, COUNT_STAR AS n FROM performance_schema.events_statements_summary_by_digest
     WHERE SCHEMA_NAME = 'roam' ORDER BY text`,
  );
  const texts = rows.map(({ text, n }) => [text.replace(/^EXECUTE /, ''), Number(n)] as const);
  return new Map(texts.filter(([text]) => COUNTED.test(text) && !TIMERS.test(text) && !text.startsWith('PREPARE')));
}

/** The same for an address that has an account and for one that has none, each time with another browser. */
async function both(request: (email: string) => Promise<unknown>, events: number) {
  const { someone } = await site.registered();
  // Sets up what is set up once: connections, prepared statements.
  for (const { email } of [person(), (await site.registered()).someone]) await request(email);
  await until(isDone);
  const [unknown, known] = [person().email, someone.email];
  return {
    unknown: await statements(() => request(unknown), events),
    known: await statements(() => request(known), events),
  };
}

/** A cookie as of a device that has signed in to the account: anybody can write one, but not sign it. */
const forged = (email: string) => `device=${accountKey(email).slice(0, 8)}.${'A'.repeat(16)}.nonsense`;

describe('ASVS 6.3.8: an address causes the same statements whether it has an account or not', () => {
  it('where a password is forgotten, from the request to the mail', async () => {
    const ask = async (email: string) => {
      const answer = await site
        .browser()
        .agent.post('/api/password/forgotten')
        .set('Cookie', forged(email))
        .send({ email });
      expect(answer.status).toBe(202);
    };
    const { unknown, known } = await both(ask, 1);
    expect([...unknown]).toEqual([...known]);
    const written = [...known.keys()].join('\n');
    for (const table of ['outbox', 'account_tokens']) expect(written).toContain(`INSERT INTO \`${table}\``);
    // Nobody's address is kept.
    expect(
      await count("SELECT COUNT(*) AS n FROM roam.account_tokens WHERE user_id LIKE 'nobody%' AND email <> ''"),
    ).toBe(0);
    expect(await count("SELECT COUNT(*) AS n FROM roam.account_tokens WHERE user_id LIKE 'nobody%'")).toBe(2);
  });

  it('where a password is wrong', async () => {
    const verify = jest.spyOn(site.app.get(PasswordsService), 'verify');
    const ask = async (email: string) => {
      verify.mockClear();
      const attempt = { email, password: 'not my password' };
      const answer = await site.browser().agent.post('/api/login').set('Cookie', forged(email)).send(attempt);
      expect(answer.status).toBe(401);
      // A password is hashed for both, which takes longer than all statements.
      expect(verify).toHaveBeenCalled();
    };
    const { unknown, known } = await both(ask, 1);
    expect([...unknown]).toEqual([...known]);
    expect([...known.keys()].filter((text) => text.includes('FROM `users`'))).not.toEqual([]);
  });
});

it('mails nothing to an address without an account', async () => {
  const { email } = person();
  await site.browser().agent.post('/api/password/forgotten').send({ email });
  await until(async () => (await count("SELECT COUNT(*) AS n FROM roam.outbox WHERE kind = 'no-mail'")) > 0);
  await until(isDone);
  expect(site.mailCatcher.mails.filter(({ to }) => to === email)).toEqual([]);
});
