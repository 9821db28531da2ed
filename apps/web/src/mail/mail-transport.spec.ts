// E-mails on their way to a mail server: what it gets, what its refusal means, and what the log may say of it.
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { MysqlCluster } from '@roam/mysql-cluster';
import type { PinoLogger } from 'nestjs-pino';
import type { Config } from '../config/config.js';
import type { EffectHandler, OutboxWorker } from '../outbox/outbox-worker.js';
import { MailTransport } from './mail-transport.js';
import { MailCatcher } from './testing/mail-catcher.js';

const mail = {
  subject: 'Grüße',
  name: 'Ann',
  paragraphs: ['First, a line that is long enough to be wrapped by whoever carries it: ' + 'x'.repeat(80), 'Last.'],
  action: { label: 'Do it', url: 'http://localhost:8080/do?token=abc&more=%3D' },
};
const to = 'ann@example.org';
const id = 'ab'.repeat(32);
const transports: MailTransport[] = [];
let catcher: MailCatcher;
let url: string;

/** What the outbox calls. */
function handler(mailUrl?: string, kind = 'mail', points?: number): EffectHandler {
  const given = new Map<string, EffectHandler>();
  const worker = {
    handle: (name: string, handle: EffectHandler) => given.set(name, handle),
  } as unknown as OutboxWorker;
  const cluster = {
    read: async () => (points === undefined ? [] : [{ points }]),
  } as unknown as MysqlCluster;
  const config = { mail: { url: mailUrl, from: 'no-reply@roam.example' }, secure: false } as unknown as Config;
  transports.push(new MailTransport(config, cluster, {} as PinoLogger, worker));
  return given.get(kind)!;
}

beforeEach(async () => {
  catcher = new MailCatcher();
  url = await catcher.start();
});
afterEach(() => {
  for (const transport of transports.splice(0)) transport.onApplicationShutdown();
  catcher.stop();
  jest.restoreAllMocks();
});

describe('MailTransport', () => {
  it('sends text and HTML, under the same id when it sends a second copy', async () => {
    const deliver = handler(url);
    await deliver({ to, mail }, id);
    await deliver({ to, mail }, id);
    for (const { headers, text, html, ...caught } of catcher.mails) {
      expect(caught.to).toBe(to);
      expect(headers).toMatch(/^From: roam <no-reply@roam\.example>\r$/m);
      expect(headers).toMatch(new RegExp(`^Message-ID: <${id.slice(0, 32)}@roam\\.example>\r$`, 'm'));
      expect(text).toContain(`Hello Ann,`);
      expect(text).toContain('\nhttp://localhost:8080/do?token=abc&more=%3D');
      expect(html).toContain('href="http://localhost:8080/do?token=abc&#38;more=%3D"');
    }
    expect(catcher.mails).toHaveLength(2);
  });

  it.each([
    ['may be tried again', false, { code: 'EENVELOPE', responseCode: 451, command: 'DATA' }],
    ['is final', true, { code: 'EENVELOPE', responseCode: 550, command: 'RCPT TO' }],
  ])(
    'says whether a refusal %s, without the words of the mail server, which hold the address',
    async (_, isFinal, fault) => {
      if (isFinal) catcher.unknown.push(to);
      else catcher.refuse = 1;
      const refused = await handler(url)({ to, mail }, id).catch((error: unknown) => error);
      const details = { fault: expect.objectContaining(fault), subject: 'Grüße' };
      expect(refused).toMatchObject({ name: 'EffectError', isFinal, details });
      expect(JSON.stringify(refused) + String(refused)).not.toMatch(/ann@|token/);
      expect(catcher.mails).toEqual([]);
    },
  );

  it.each([
    [2, 'once more'],
    [7, '6 more times'],
    // The counter was deleted: the mail server was away for more than a day.
    [undefined, 'once more'],
  ])('says of how many changes it tells: %s', async (points, times) => {
    await handler(url, 'notices', points)({ to, mail, counter: 'x' }, id);
    expect(catcher.mails[0].text).toContain(`\nThis has happened ${times} since our last e-mail about it.`);
  });

  it('sends to one address, whatever is in it', async () => {
    await handler(url)({ to: 'ann@example.org,bob@example.org', mail }, id);
    expect(catcher.mails.map((caught) => caught.to)).toEqual(['"ann@example.org,bob"@example.org']);
  });

  it('prints mails where there is no mail server', async () => {
    const print = jest.spyOn(process.stdout, 'write').mockReturnValue(true);
    await handler()({ to, mail }, id);
    expect(String(print.mock.calls[0]?.[0])).toMatch(/mail to ann@example.org: Grüße[^]*token=abc/);
  });
});
