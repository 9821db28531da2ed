// The e-mails whose links hold a token: each is committed together with its token.
import { Injectable } from '@nestjs/common';
import { createHash, randomInt } from 'node:crypto';
import type { EntityManager } from 'typeorm';
import { Config } from '../config/config.js';
import { limits } from '../config/limits.js';
import { Transactions } from '../database/transactions.js';
import { MailCounts } from '../mail/mail-counts.js';
import { MailService, recipientOf, type SendOptions } from '../mail/mail.service.js';
import { Outbox } from '../outbox/outbox.js';
import { OutboxWorker } from '../outbox/outbox-worker.js';
import type { User } from '../users/user.entity.js';
import { UsersService } from '../users/users.service.js';
import { AccountTokensService, newToken, type TokenGrant } from './account-tokens.service.js';
import { accountMails } from './account-mails.js';

/** A server of an earlier release leaves those of the first kind alone, and writes the second, with the address only. */
const [forgotten, forgottenBefore] = ['forgotten-password', 'password-forgotten'];
const dayMs = 24 * 3_600_000;

export interface TokenMailOptions extends SendOptions {
  /** Whether it was asked for by somebody signed in to the account, or on a device that has been. */
  readonly byOwner: boolean;
}

/** A request for a link to set a new password, as it waits in the outbox. */
interface Forgotten {
  readonly email: string;
  readonly from: string;
  readonly byOwner: boolean;
}

const confirmation = { path: '/email/confirm', mailOf: accountMails.verify };

/** The page of each link, and the mail that holds it. */
const links = {
  'verify-email': confirmation,
  'change-email': confirmation,
  'reset-password': {
    path: '/password/reset',
    mailOf: (url: string) => accountMails.reset(url, limits.resetTokenMs / 60_000),
  },
  'unlock-codes': { path: '/login/unlock', mailOf: accountMails.unlockCodes },
} as const;

type Addressee = Pick<User, 'id' | 'name' | 'email' | 'emailVerifiedAt'>;
type MailedGrant = TokenGrant & { readonly purpose: keyof typeof links };
type SendInTransaction = TokenMailOptions & Required<Pick<SendOptions, 'manager'>>;

@Injectable()
export class TokenMailsService {
  constructor(
    private readonly config: Config,
    private readonly users: UsersService,
    private readonly tokens: AccountTokensService,
    private readonly mails: MailService,
    private readonly counts: MailCounts,
    private readonly transactions: Transactions,
    private readonly outbox: Outbox,
    worker: OutboxWorker,
  ) {
    worker.handle(forgotten, (content, id) => this.reset(content as Forgotten, id));
    worker.handle(forgottenBefore, (content, id) =>
      this.reset({ email: content as string, from: '', byOwner: false }, id),
    );
  }

  /** Confirms the user's address. Repeated with the same key, it sends one e-mail. */
  verify(user: User, options: TokenMailOptions): Promise<boolean> {
    const grant = { purpose: 'verify-email', userId: user.id, email: user.email, endSessions: false } as const;
    const send = (manager: EntityManager) => this.send(user, grant, { ...options, manager });
    return options.manager ? send(options.manager) : this.transactions.run(send);
  }

  /**
   * Sends the e-mail to set a new password, if this address has an account. The account is looked up by the outbox, with the
   * same statements where there is none: neither this request nor the next ones take longer for one (OWASP ASVS 6.3.8).
   */
  async forgotten(email: string, { key, from, byOwner }: TokenMailOptions): Promise<void> {
    const content = { email, from, byOwner } satisfies Forgotten;
    await this.outbox.put({ kind: forgotten, key: `${key} ${email}`, content });
  }

  /**
   * In a transaction. Sends nothing where the user has as many links that work as there may be, if the e-mail is one too many, or
   * if it was written before.
   */
  async send(user: Addressee, grant: MailedGrant, options: SendInTransaction): Promise<boolean> {
    const { manager, byOwner, isPretended } = options;
    const token = newToken();
    const isReset = grant.purpose === 'reset-password';
    const today = { name: `mail-resets:${user.id}`, forMs: dayMs };
    const working = await this.tokens.outstanding(grant, manager, isPretended);
    // Strangers cause most of so many. The owner still has a link that works, or gets one.
    const isMany = isReset && (await this.counts.of(today.name, manager)) >= limits.resetMailsPerDay;
    if (working >= (isMany ? 1 : limits.outstandingTokens)) return false;
    const link = links[grant.purpose];
    const url = new URL(link.path, this.config.server.publicUrl);
    url.searchParams.set('token', token);
    const to = grant.email === user.email ? recipientOf(user) : { email: grant.email };
    const asked = { userId: user.id, byOwner, confirms: link === confirmation };
    if (!(await this.mails.send(to, link.mailOf(url.href), asked, options))) return false;
    if (isReset) await this.counts.next(today, manager);
    await this.tokens.issue(token, grant, manager, isPretended);
    return true;
  }

  /** Without an account, a token that nobody knows waits for its end, and an e-mail that is sent to nobody. */
  private async reset({ email, from, byOwner }: Forgotten, key: string): Promise<void> {
    const user = await this.users.findByEmail(email);
    const whose = user ?? { id: nobodyAt(email), name: '', email, emailVerifiedAt: null };
    const grant = { purpose: 'reset-password', userId: whose.id, email: whose.email, endSessions: true } as const;
    // Apart from the next requests, which would wait behind a connection to the mail server.
    const options = { key, from, byOwner, delayMs: randomInt(limits.mailDelayMs), isPretended: !user };
    await this.transactions.run((manager) => this.send(whose, grant, { ...options, manager }));
  }
}

/** In place of the id of an account, one for each address, so that they share no limit. No account has it. */
function nobodyAt(email: string): string {
  return `nobody ${createHash('sha256').update(`nobody ${email}`).digest('hex')}`.slice(0, 36);
}
