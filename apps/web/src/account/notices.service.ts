// Tells the owner of an account what happened to it, with a link that says "This was not me" (OWASP ASVS 6.3.7).
import { Injectable } from '@nestjs/common';
import { PinoLogger } from 'nestjs-pino';
import { SignInService } from '../auth/sign-in.service.js';
import { Config } from '../config/config.js';
import { limits } from '../config/limits.js';
import { Transactions } from '../database/transactions.js';
import type { Caller } from '../http/caller.js';
import type { Mail } from '../mail/mail.js';
import { causeOf } from '../mail/cause-of.js';
import { MailService, recipientOf, type SendOptions } from '../mail/mail.service.js';
import { deviceName } from '../devices/user-agent.js';
import { ThrottleService } from '../throttling/throttle.service.js';
import type { User } from '../users/user.entity.js';
import { AccountTokensService, newToken } from './account-tokens.service.js';
import { accountMails } from './account-mails.js';

type InTransaction = SendOptions & Required<Pick<SendOptions, 'manager'>>;

@Injectable()
export class NoticesService {
  constructor(
    private readonly config: Config,
    private readonly tokens: AccountTokensService,
    private readonly mails: MailService,
    private readonly throttle: ThrottleService,
    private readonly transactions: Transactions,
    private readonly logger: PinoLogger,
    signIns: SignInService,
  ) {
    signIns.onNewDevice = (caller, user) => this.newDevice(caller, user);
  }

  /**
   * In the transaction of what it is about. Where the owner has as many links that work as there may be, the mail says how to
   * do without.
   */
  async send(user: User, mailOf: (link?: string) => Mail, options: InTransaction): Promise<void> {
    const grant = { purpose: 'not-me', userId: user.id, email: user.email, endSessions: true } as const;
    const hasRoom = (await this.tokens.outstanding(grant, options.manager)) < limits.outstandingTokens;
    const token = newToken();
    const url = new URL('/not-me', this.config.server.publicUrl);
    url.searchParams.set('token', token);
    const isWritten = await this.mails.notify(recipientOf(user), mailOf(hasRoom ? url.href : undefined), options);
    if (isWritten && hasRoom) await this.tokens.issue(token, grant, options.manager);
  }

  /**
   * A sign-in by a browser that was not known. Returns at once: no sign-in waits for a mail or fails because of it. Only who
   * has the password causes one, and a few a day at most.
   */
  private newDevice(caller: Caller, user: User): void {
    if (!this.config.accounts.newDeviceMails) return;
    const cause = causeOf(caller);
    const device = deviceName(caller.userAgent);
    const about = { device: device.includes(' on ') ? device : 'an unknown device', ip: caller.ip ?? '' };
    this.mailNewDevice(user, about, cause).catch((error: unknown) =>
      this.logger.warn({ err: error, userId: user.id }, 'could not mail the notice of a new device to a user'),
    );
  }

  private async mailNewDevice(user: User, about: { device: string; ip: string }, cause: SendOptions): Promise<void> {
    if (!(await this.throttle.mayTellOfDevice(user.id))) return;
    await this.transactions.run((manager) =>
      this.send(user, (link) => accountMails.newDevice({ ...about, at: new Date() }, link), { ...cause, manager }),
    );
  }
}
