// The e-mails whose links hold a token: each is committed together with its token.
import { Injectable } from '@nestjs/common';
import { createHash, randomInt } from 'node:crypto';
import type { EntityManager } from 'typeorm';
import { Config } from '../config/config.js';
import { limits } from '../config/limits.js';
import { Transactions } from '../database/transactions.js';
import { MailService, type SendOptions } from '../mail/mail.service.js';
import { Outbox } from '../outbox/outbox.js';
import { OutboxWorker } from '../outbox/outbox-worker.js';
import type { User } from '../users/user.entity.js';
import { UsersService } from '../users/users.service.js';
import { AccountTokensService, newToken, type TokenGrant } from './account-tokens.service.js';
import { accountMails } from './account-mails.js';

const forgotten = 'password-forgotten';

type SendInTransaction = SendOptions & Required<Pick<SendOptions, 'manager'>>;

@Injectable()
export class TokenMailsService {
  constructor(
    private readonly config: Config,
    private readonly users: UsersService,
    private readonly tokens: AccountTokensService,
    private readonly mails: MailService,
    private readonly transactions: Transactions,
    private readonly outbox: Outbox,
    worker: OutboxWorker,
  ) {
    worker.handle(forgotten, (content, id) => this.reset(content as string, id));
  }

  /** Confirms the user's address. Repeated with the same key, it sends one e-mail. */
  verify(user: User, { key, manager }: SendOptions): Promise<boolean> {
    const grant = { purpose: 'verify-email', userId: user.id, email: user.email, endSessions: false } as const;
    const send = (part: EntityManager) => this.send(user, grant, { key, manager: part });
    return manager ? send(manager) : this.transactions.run(send);
  }

  /**
   * Sends the e-mail to set a new password, if this address has an account. The account is looked up by the outbox, with the
   * same statements where there is none: neither this request nor the next ones take longer for one (OWASP ASVS 6.3.8).
   */
  async forgotten(email: string, key: string): Promise<void> {
    await this.outbox.put({ kind: forgotten, key: `${key} ${email}`, content: email });
  }

  /**
   * In a transaction. Sends nothing where the user has as many links that work as there may be, or if this e-mail was written
   * before.
   */
  async send(user: Pick<User, 'name'>, grant: TokenGrant, options: SendInTransaction): Promise<boolean> {
    if (!(await this.tokens.hasRoom(grant, options.manager, options.isPretended))) return false;
    const token = newToken();
    const isReset = grant.purpose === 'reset-password';
    const url = new URL(isReset ? '/password/reset' : '/email/confirm', this.config.server.publicUrl);
    url.searchParams.set('token', token);
    const mail = isReset
      ? accountMails.reset(user.name, url.href, limits.resetTokenMs / 60_000)
      : accountMails.verify(user.name, url.href);
    const isNew = await this.mails.send(grant.email, mail, options);
    if (isNew) await this.tokens.issue(token, grant, options.manager, options.isPretended);
    return isNew;
  }

  /** Without an account, a token that nobody knows waits for its end, and an e-mail that is sent to nobody. */
  private async reset(email: string, key: string): Promise<void> {
    const user = await this.users.findByEmail(email);
    const whose = user ?? { id: nobodyAt(email), name: '', email };
    const grant = { purpose: 'reset-password', userId: whose.id, email: whose.email, endSessions: true } as const;
    // Apart from the next requests, which would wait behind a connection to the mail server.
    const options = { key, delayMs: randomInt(limits.mailDelayMs), isPretended: !user };
    await this.transactions.run((manager) => this.send(whose, grant, { ...options, manager }));
  }
}

/** In place of the id of an account, one for each address, so that they share no limit. No account has it. */
function nobodyAt(email: string): string {
  return `nobody ${createHash('sha256').update(`nobody ${email}`).digest('hex')}`.slice(0, 36);
}
