// Sends the e-mails of the outbox, by a mail server or to standard output.
import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { MysqlCluster } from '@roam/mysql-cluster';
import type { RowDataPacket } from 'mysql2';
import { PinoLogger } from 'nestjs-pino';
import { createTransport, type Transporter } from 'nodemailer';
import { Config } from '../config/config.js';
import { limits } from '../config/limits.js';
import { siteName } from '../config/site.js';
import { EffectError } from '../outbox/effect-error.js';
import { OutboxWorker } from '../outbox/outbox-worker.js';
import type { CountedMail } from './mail.service.js';
import { asHtml, asText, withCount, type AddressedMail } from './mail.js';

@Injectable()
export class MailTransport implements OnApplicationShutdown {
  private readonly transport: Transporter | undefined;

  constructor(
    private readonly config: Config,
    private readonly cluster: MysqlCluster,
    logger: PinoLogger,
    worker: OutboxWorker,
  ) {
    const { url } = config.mail;
    const timeouts = { connectionTimeout: limits.mailMs, greetingTimeout: limits.mailMs, socketTimeout: limits.mailMs };
    const pool = { pool: true, maxConnections: limits.outboxAtOnce } as const;
    if (url !== undefined) this.transport = createTransport({ url, disableFileAccess: true, ...pool, ...timeouts });
    else if (config.secure)
      logger.warn(
        'MAIL_URL is "log:", so e-mails are printed to standard output with their secret links; set an SMTP server for production',
      );
    worker.handle('mail', (content, id) => this.deliver(content as AddressedMail, id));
    worker.handle('no-mail', async () => undefined);
    worker.handle('notices', (content, id) => this.deliverCounted(content as CountedMail, id));
  }

  onApplicationShutdown(): void {
    this.transport?.close();
  }

  private async deliverCounted({ to, mail, counter }: CountedMail, id: string): Promise<void> {
    const [row] = await this.cluster.read<RowDataPacket>('SELECT points FROM throttles WHERE name = ?', [counter]);
    const changes = Number((row as { points: number } | undefined)?.points ?? 2) - 1;
    await this.deliver({ to, mail: withCount(mail, changes) }, id);
  }

  private async deliver({ to, mail }: AddressedMail, id: string): Promise<void> {
    const text = asText(mail);
    if (!this.transport) {
      // Not to the JSON log, which may be kept for long: an e-mail may hold a token to take an account over.
      process.stdout.write(`--- mail to ${to}: ${mail.subject}\n${text}---\n`);
      return;
    }
    const { from } = this.config.mail;
    try {
      await this.transport.sendMail({
        from: { name: siteName, address: from },
        to: { name: '', address: to },
        subject: mail.subject,
        text,
        html: asHtml(mail),
        // The same for a second copy, which is sent if this process dies before it marks the first as sent.
        messageId: `<${id.slice(0, 32)}@${from.slice(from.lastIndexOf('@') + 1)}>`,
        // RFC 3834: prevents automatic replies.
        headers: { 'Auto-Submitted': 'auto-generated' },
      });
    } catch (error) {
      const { responseCode = 0 } = error as { responseCode?: number };
      const details = { fault: faultOf(error), subject: mail.subject };
      // A 5xx of the mail server is final (RFC 5321).
      throw new EffectError('could not send an e-mail', details, responseCode >= 500);
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
