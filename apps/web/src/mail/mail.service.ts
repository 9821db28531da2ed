// Writes e-mails to the outbox, and bounds them there: no answer waits for a mail server, and no e-mail is lost with a web server.
import { Injectable } from '@nestjs/common';
import { createHash } from 'node:crypto';
import type { EntityManager } from 'typeorm';
import { AuditService } from '../audit/audit.service.js';
import { Config } from '../config/config.js';
import { limits } from '../config/limits.js';
import { Transactions } from '../database/transactions.js';
import { currentExchange } from '../http/current-request.js';
import { Outbox } from '../outbox/outbox.js';
import { accountKey } from '../users/account-key.js';
import type { User } from '../users/user.entity.js';
import { MailCounts, type Count } from './mail-counts.js';
import { nobody, type AddressedMail, type Mail } from './mail.js';

/** Later mails than the end of their period: transactions that began within it have ended. */
const LATER_MS = 5_000;

/** Mails of one address in an hour. */
const MANY = 1_000;

export interface SendOptions {
  /** The idempotency key of the request: of several equal e-mails with the same key one is sent. */
  readonly key: string;
  /** The transaction of the change that the e-mail is about. */
  readonly manager?: EntityManager;
  /** How long the e-mail waits at least, in milliseconds. */
  readonly delayMs?: number;
  /** Whether the e-mail is written and sent to nobody: the same work where there is no account. */
  readonly isPretended?: boolean;
  /** The network of the client that caused the e-mail: `addressKey`. */
  readonly from: string;
}

export interface Recipient {
  readonly email: string;
  /** The name that the user has chosen. Only where the address was confirmed: nobody else gets words of somebody else. */
  readonly name?: string;
}

export function recipientOf({
  email,
  name,
  emailVerifiedAt,
}: Pick<User, 'email' | 'name' | 'emailVerifiedAt'>): Recipient {
  return emailVerifiedAt ? { email, name } : { email };
}

/** A mail that somebody has asked for. */
export interface Asked {
  readonly userId: string;
  /** Whether that was somebody signed in to the account, or a device that has been. */
  readonly byOwner: boolean;
  /** Whether it is to confirm the address. */
  readonly confirms: boolean;
}

/**
 * Equal are e-mails of one subject to one address.
 *
 * Two kinds of e-mail are bounded in two ways. What somebody asks for is not sent where it is too much. What tells of a change
 * is never lost, because whoever makes the change could use a limit up before: it is told later, together with the next ones.
 */
@Injectable()
export class MailService {
  constructor(
    private readonly config: Config,
    private readonly outbox: Outbox,
    private readonly counts: MailCounts,
    private readonly transactions: Transactions,
    private readonly audit: AuditService,
  ) {}

  /**
   * Sends an e-mail that somebody has asked for. False if it was written before, or is one too many: that is an event of the audit
   * log. The client's answer is the same.
   */
  async send(to: Recipient, mail: Mail, asked: Asked, options: SendOptions): Promise<boolean> {
    const key = keyOf(to, mail, options);
    // A kind of its own: a server of the earlier release, which does not know of it, leaves it alone.
    const kind = options.isPretended ? 'no-mail' : 'mail';
    return this.within(options, async (manager) => {
      const effect = { kind, key, content: addressed(to, mail), delayMs: options.delayMs };
      if (!(await this.outbox.put(effect, manager))) return false;
      const reached = await this.counts.take(this.limitsOf(to, asked, options), manager);
      if (!reached) return true;
      await this.outbox.cancel(kind, key, manager);
      this.noteRefused(asked.userId, mail, reached);
      return false;
    });
  }

  /**
   * Tells of a change of an account. The first e-mail of a subject leaves at once. Those of the next `limits.noticeMs` are one, which
   * says how many changes it is about. False if nothing of this e-mail is sent but that it counts.
   */
  async notify(to: Recipient, mail: Mail, options: SendOptions): Promise<boolean> {
    const key = keyOf(to, mail, options);
    return this.within(options, async (manager) => {
      if (!(await this.outbox.put({ kind: 'mail', key, content: addressed(to, mail) }, manager))) return false;
      const everyMs = to.name === undefined ? limits.noticeUnconfirmedMs : limits.noticeMs;
      const period = Math.floor(Date.now() / everyMs);
      const counted = await this.counts.next(periodOf(to, mail, period, everyMs), manager);
      if (counted === 1) {
        await this.outbox.delay('mail', key, await this.paceOf(to, options, manager), manager);
        return true;
      }
      await this.outbox.cancel('mail', key, manager);
      if (counted > 2) return false;
      // The e-mail at the end of this period is the first one of the next.
      await this.counts.next(periodOf(to, mail, period + 1, everyMs), manager);
      const { name: counter } = periodOf(to, mail, period, everyMs);
      const delayMs = (period + 1) * everyMs - Date.now() + LATER_MS + (await this.paceOf(to, options, manager));
      const content = { ...addressed(to, mail), counter } satisfies CountedMail;
      return this.outbox.put({ kind: 'notices', key: counter, content, delayMs }, manager);
    });
  }

  private limitsOf(to: Recipient, { userId, byOwner, confirms }: Asked, { from }: SendOptions): Count[] {
    const forMs = limits.throttleMailsMs;
    // Strangers at the owner's address have a count of their own, and none counts where the address is known to be the owner's.
    const address = {
      name: `mail-from:${byOwner ? 'owner-' : ''}${from}`,
      limit: this.config.throttle.mailsPerAddress,
      forMs,
      // Where the site says that many share an address, no commit waits for another one.
      rows: this.config.throttle.mailsPerAddress > MANY ? 8 : 1,
    };
    if (!confirms) return to.name !== undefined && byOwner ? [] : [address];
    return [
      { name: `mail-to:${accountKey(to.email)}`, limit: limits.mailsPerRecipient, forMs },
      { name: `mail-of:${userId}`, limit: limits.mailsPerAccount, forMs },
      address,
    ];
  }

  /** Milliseconds to wait: to addresses that nobody has confirmed, one client does not send more than may be asked for. */
  private async paceOf(to: Recipient, { from }: SendOptions, manager: EntityManager): Promise<number> {
    if (to.name !== undefined) return 0;
    const { mailsPerAddress } = this.config.throttle;
    const forMs = limits.throttleMailsMs;
    const sent = await this.counts.next({ name: `notice-from:${from}`, forMs }, manager);
    return Math.min(Math.max(0, sent - mailsPerAddress) * (forMs / mailsPerAddress), limits.noticeDelayMs);
  }

  private noteRefused(userId: string, { subject }: Mail, { name }: Count): void {
    const details = { subject, limit: name.slice(0, name.indexOf(':')) };
    const request = currentExchange()?.request;
    if (request) this.audit.note('mail-refused', request, { userId }, details);
    else this.audit.noteWithoutRequest('mail-refused', { userId }, details);
  }

  private within<T>({ manager }: SendOptions, work: (manager: EntityManager) => Promise<T>): Promise<T> {
    return manager ? work(manager) : this.transactions.run(work);
  }
}

/** An e-mail that says how many changes it is about, when it leaves. */
export interface CountedMail extends AddressedMail {
  /** The counter of the changes; one of them was told before. */
  readonly counter: string;
}

function addressed({ email, name = nobody }: Recipient, mail: Mail): AddressedMail {
  return { to: email, mail: { ...mail, name } };
}

function keyOf({ email }: Recipient, { subject }: Mail, { key }: SendOptions): string {
  return `${key} ${email} ${subject}`;
}

/** Kept for a day longer, since the mail server may be away. */
function periodOf({ email }: Recipient, { subject }: Mail, period: number, everyMs: number): Omit<Count, 'limit'> {
  const digest = createHash('sha256')
    .update(`${accountKey(email)} ${subject}`)
    .digest('base64url');
  return { name: `notice:${digest}:${everyMs}:${period}`, forMs: 2 * everyMs + 24 * 3_600_000 };
}
