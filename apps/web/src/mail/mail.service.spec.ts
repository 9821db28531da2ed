// Mails: sent beside the request, tried again, given up where the mail server says so, and never in the log.
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { PinoLogger } from 'nestjs-pino';
import { pino } from 'pino';
import type { Config } from '../config/config.js';
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
const mailer = (url?: string) =>
  new MailService({ mail: { url, from: 'no-reply@roam.example' }, secure: false } as unknown as Config, logger);
const catcher = new MailCatcher();
let url: string;

beforeEach(async () => {
  logged.length = 0;
  url = await catcher.start();
});
afterEach(() => {
  catcher.stop();
  jest.restoreAllMocks();
});

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 20));
}

describe('MailService', () => {
  it('sends text and HTML, again when the mail server says "later"', async () => {
    catcher.refuse = 1;
    const mails = mailer(url);
    mails.send('ann@example.org', letter);
    await until(() => catcher.mails.length === 1);
    const { to, headers, text, html } = catcher.mails[0];
    expect(to).toBe('ann@example.org');
    expect(headers).toMatch(/^From: roam <no-reply@roam\.example>\r$/m);
    expect(text).toContain(`Hello Ann,`);
    expect(text).toContain('\nhttp://localhost:8080/do?token=abc&more=%3D');
    expect(html).toContain('href="http://localhost:8080/do?token=abc&#38;more=%3D"');
    await mails.beforeApplicationShutdown();
    expect(logged.join('')).not.toMatch(/ann@|token/);
  });

  it('sends to one address, whatever is in it', async () => {
    const mails = mailer(url);
    mails.send('ann@example.org,bob@example.org', letter);
    await mails.beforeApplicationShutdown();
    expect(catcher.mails.filter(({ to }) => to === 'bob@example.org')).toEqual([]);
  });

  it('prints mails where there is no mail server, beside the log', async () => {
    const print = jest.spyOn(process.stdout, 'write').mockReturnValue(true);
    mailer().send('ann@example.org', letter);
    await new Promise((resolve) => setImmediate(resolve));
    expect(String(print.mock.calls[0]?.[0])).toMatch(/mail to ann@example.org: Grüße[^]*token=abc/);
    expect(logged).toEqual([]);
  });
});
