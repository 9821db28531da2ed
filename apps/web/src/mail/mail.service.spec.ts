// E-mails: sent in the background, tried again, given up if the mail server refuses them, and never in the log.
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { PinoLogger } from 'nestjs-pino';
import { pino } from 'pino';
import type { Config } from '../config/config.js';
import { until } from '../testing/time.js';
import { MailService } from './mail.service.js';
import { MailCatcher } from './testing/mail-catcher.js';

const letter = {
  subject: 'Grüße',
  name: 'Ann',
  paragraphs: ['First, a line that is long enough to be wrapped by whoever carries it: ' + 'x'.repeat(80), 'Last.'],
  action: { label: 'Do it', url: 'http://localhost:8080/do?token=abc&more=%3D' },
};
const logged: string[] = [];
const logger = pino({}, { write: (line) => void logged.push(line) }) as unknown as PinoLogger;
const mailers: MailService[] = [];
const mailer = (url?: string) => {
  const config = { mail: { url, from: 'no-reply@roam.example' }, secure: false } as unknown as Config;
  const service = Object.assign(new MailService(config, logger), { pauses: [0, 20] });
  mailers.push(service);
  return service;
};
let catcher: MailCatcher;
let url: string;

beforeEach(async () => {
  logged.length = 0;
  catcher = new MailCatcher();
  url = await catcher.start();
});
afterEach(async () => {
  for (const service of mailers.splice(0)) await service.beforeApplicationShutdown();
  catcher.stop();
  jest.restoreAllMocks();
});

describe('MailService', () => {
  it('sends text and HTML, again when the mail server says "later"', async () => {
    catcher.refuse = 1;
    mailer(url).send('ann@example.org', letter);
    await until(() => catcher.mails.length === 1);
    const { to, headers, text, html } = catcher.mails[0];
    expect(to).toBe('ann@example.org');
    expect(headers).toMatch(/^From: roam <no-reply@roam\.example>\r$/m);
    expect(text).toContain(`Hello Ann,`);
    expect(text).toContain('\nhttp://localhost:8080/do?token=abc&more=%3D');
    expect(html).toContain('href="http://localhost:8080/do?token=abc&#38;more=%3D"');
    expect(logged.map((line) => (JSON.parse(line) as { fault: object }).fault)).toEqual([
      expect.objectContaining({ code: 'EENVELOPE', responseCode: 451, command: 'DATA' }),
    ]);
    expect(logged.join('')).not.toMatch(/ann@|token/);
  });

  it('gives up at once where the mail server says "never", and keeps its words, with the address, out of the log', async () => {
    catcher.unknown.push('ann@example.org');
    mailer(url).send('ann@example.org', letter);
    await until(() => logged.length === 1);
    expect(JSON.parse(logged[0])).toMatchObject({ fault: { code: 'EENVELOPE', responseCode: 550 } });
    expect(logged[0]).not.toMatch(/ann|token/i);
    expect(catcher.mails).toEqual([]);
  });

  it('sends to one address, whatever is in it', async () => {
    mailer(url).send('ann@example.org,bob@example.org', letter);
    await until(() => catcher.mails.length + logged.length > 0);
    expect(catcher.mails.map(({ to }) => to)).toEqual(['"ann@example.org,bob"@example.org']);
  });

  it('prints mails where there is no mail server, beside the log', async () => {
    const print = jest.spyOn(process.stdout, 'write').mockReturnValue(true);
    mailer().send('ann@example.org', letter);
    await new Promise((resolve) => setImmediate(resolve));
    expect(String(print.mock.calls[0]?.[0])).toMatch(/mail to ann@example.org: Grüße[^]*token=abc/);
    expect(logged).toEqual([]);
  });
});
