// The answer to "This was not me": nobody stays signed in, the password ends, and a new one is set by mail.
import { Injectable } from '@nestjs/common';
import { UserSessions } from '@roam/session/nest';
import { randomBytes } from 'node:crypto';
import { AuditService } from '../audit/audit.service.js';
import { InvalidTokenError } from '../http/app.errors.js';
import type { Caller } from '../http/caller.js';
import { causeOf } from '../mail/cause-of.js';
import { PasswordsService } from '../users/passwords.service.js';
import { UsersService } from '../users/users.service.js';
import { AccountTokensService } from './account-tokens.service.js';
import { TokenMailsService } from './token-mails.service.js';

@Injectable()
export class NotMeService {
  constructor(
    private readonly users: UsersService,
    private readonly passwords: PasswordsService,
    private readonly tokens: AccountTokensService,
    private readonly tokenMails: TokenMailsService,
    private readonly sessions: UserSessions,
    private readonly audit: AuditService,
  ) {}

  /**
   * By the token of a notice, once. The link itself sets no password: it works for days, and a link that does for minutes
   * (OWASP ASVS 6.5.5). If the address of the account was changed since, it is the one of the notice again.
   * @throws {InvalidTokenError} @throws {EmailTakenError}
   */
  async act(caller: Caller, token: string): Promise<void> {
    const cause = causeOf(caller);
    const grant = await this.tokens.find('not-me', token, cause.key);
    const user = grant && (await this.users.findById(grant.userId));
    if (!user || !(await this.tokens.use('not-me', token, cause.key))) throw new InvalidTokenError();
    // A password that nobody knows: whoever knew the former one must not be faster than the owner.
    const passwordHash = await this.passwords.hash(randomBytes(32).toString('base64url'));
    const { email } = grant;
    await this.users.change(user.id, {
      passwordHash,
      ...(email !== user.email && { email, emailVerifiedAt: new Date() }),
    });
    await this.tokens.revokeAll(user.id);
    // Before the answer: it promises that no session is left.
    await this.sessions.endAll(user.id);
    await this.tokenMails.forgotten(email, { ...cause, byOwner: true });
    this.audit.note('not-me', caller, { userId: user.id });
  }
}
