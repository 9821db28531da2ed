// Sends e-mails in the background: no answer waits for a mail server, or shows by its time whether an e-mail was sent.
import { Injectable, type BeforeApplicationShutdown } from '@nestjs/common';
import { PinoLogger } from 'nestjs-pino';
import { createTransport, type Transporter } from 'nodemailer';
import { setTimeout as sleep } from 'node:timers/promises';
import { Config } from '../config/config.js';
import { limits } from '../config/limits.js';
import { siteName } from '../config/site.js';
import { asHtml, asText, type Mail } from './mail.js';

/** The maximum number of waiting e-mails; further ones are dropped with a log line. */
const capacity = 1_000;

@Injectable()
export class MailService implements BeforeApplicationShutdown {
  /**
   * The pause before each attempt, in milliseconds; for tests. If the mail server is away for longer, the e-mail is
   * lost, and the user can request it again.
   */
  pauses: readonly number[] = limits.mailPausesMs;

  private readonly transport: Transporter | undefined;
  private readonly sending = new Set<Promise<void>>();
  private readonly ended = new AbortController();

  constructor(
    private readonly config: Config,
    private readonly logger: PinoLogger,
  ) {
    const { url } = config.mail;
    const timeouts = { connectionTimeout: limits.mailMs, greetingTimeout: limits.mailMs, socketTimeout: limits.mailMs };
    if (url !== undefined)
      this.transport = createTransport({ url, pool: true, maxConnections: 2, disableFileAccess: true, ...timeouts });
    else if (config.secure)
      logger.warn(
        'MAIL_URL is "log:", so e-mails are printed to standard output with their secret links; set an SMTP server for production',
      );
  }

  /** Returns at once. An e-mail that cannot be sent is logged without its content. */
  send(to: string, mail: Mail): void {
    if (this.sending.size >= capacity)
      return this.logger.error(
        { subject: mail.subject },
        `an e-mail was dropped: ${capacity} e-mails are waiting already; check the mail server`,
      );
    const sent = this.deliver(to, mail)
      .catch((error: unknown) =>
        this.logger.error(
          { fault: faultOf(error), subject: mail.subject },
          'could not send an e-mail: giving up; check the mail server',
        ),
      )
      .finally(() => this.sending.delete(sent));
    this.sending.add(sent);
  }

  /** E-mails that are being sent get a moment to finish. */
  async beforeApplicationShutdown(): Promise<void> {
    this.ended.abort();
    await Promise.race([Promise.all(this.sending), sleep(limits.mailMs, undefined, { ref: false })]);
    this.transport?.close();
  }

  private async deliver(to: string, mail: Mail): Promise<void> {
    const text = asText(mail);
    if (!this.transport) {
      // Not to the JSON log, which may be kept for long: an e-mail may hold a token to take an account over.
      process.stdout.write(`--- mail to ${to}: ${mail.subject}\n${text}---\n`);
      return;
    }
    const message = {
      from: { name: siteName, address: this.config.mail.from },
      to: { name: '', address: to },
      subject: mail.subject,
      text,
      html: asHtml(mail),
      // RFC 3834: prevents automatic replies.
      headers: { 'Auto-Submitted': 'auto-generated' },
    };
    for (const [tried, pause] of this.pauses.entries()) {
      if (pause > 0) await sleep(pause, undefined, { ref: false, signal: this.ended.signal });
      try {
        await this.transport.sendMail(message);
        return;
      } catch (error) {
        const { responseCode = 0 } = error as { responseCode?: number };
        // A 5xx of the mail server is final (RFC 5321).
        if (tried === this.pauses.length - 1 || responseCode >= 500) throw error;
        this.logger.warn({ fault: faultOf(error), tried }, 'could not send an e-mail: trying again');
      }
    }
  }
}

/**
 * The parts of a mail server's refusal that may be logged: its text holds the address, and so do the error's message
 * and stack.
 */
function faultOf(error: unknown): object {
  const { name, code, responseCode, command } = error as Error & Record<'code' | 'responseCode' | 'command', unknown>;
  return { name, code, responseCode, command };
}
