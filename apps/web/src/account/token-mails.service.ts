// The e-mails whose links hold a token: each is committed together with its token.
import { Injectable } from '@nestjs/common';
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
const confirmation = { path: '/email/confirm', mailOf: accountMails.verify };

/** The page of each link, and the mail that holds it. */
const links = {
  'verify-email': confirmation,
  'change-email': confirmation,
  'reset-password': {
    path: '/password/reset',
    mailOf: (name: string, url: string) => accountMails.reset(name, url, limits.resetTokenMs / 60_000),
  },
  'unlock-codes': { path: '/login/unlock', mailOf: accountMails.unlockCodes },
} as const;

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
   * Sends the e-mail to set a new password, if this address has an account. The account is looked up by the outbox: the
   * caller waits as long without one (OWASP ASVS 6.3.8).
   */
  async forgotten(email: string, key: string): Promise<void> {
    await this.outbox.put({ kind: forgotten, key: `${key} ${email}`, content: email });
  }

  /**
   * In a transaction. Sends nothing where the user has as many links that work as there may be, or if this e-mail was written
   * before.
   */
  async send(
    user: User,
    grant: TokenGrant & { readonly purpose: keyof typeof links },
    options: Required<SendOptions>,
  ): Promise<boolean> {
    if (!(await this.tokens.hasRoom(grant, options.manager))) return false;
    const token = newToken();
    const { path, mailOf } = links[grant.purpose];
    const url = new URL(path, this.config.server.publicUrl);
    url.searchParams.set('token', token);
    const mail = mailOf(user.name, url.href);
    const isNew = await this.mails.send(grant.email, mail, options);
    if (isNew) await this.tokens.issue(token, grant, options.manager);
    return isNew;
  }

  private async reset(email: string, key: string): Promise<void> {
    const user = await this.users.findByEmail(email);
    if (!user) return;
    const grant = { purpose: 'reset-password', userId: user.id, email: user.email, endSessions: true } as const;
    await this.transactions.run((manager) => this.send(user, grant, { key, manager }));
  }
}
