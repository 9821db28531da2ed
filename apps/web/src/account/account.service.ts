// Changes of an account: its address proved or changed, its password changed or set anew by mail.
import { Injectable } from '@nestjs/common';
import { SessionManager } from '@roam/session/nest';
import type { Request } from 'express';
import { PinoLogger } from 'nestjs-pino';
import { randomUUID } from 'node:crypto';
import { AuditService } from '../audit/audit.service.js';
import { assertFresh } from '../auth/fresh.js';
import { SignInService } from '../auth/sign-in.service.js';
import { Config } from '../config/config.js';
import { limits } from '../config/limits.js';
import { EmailTakenError, InvalidInputError, InvalidTokenError, NotSignedInError } from '../http/app.errors.js';
import { MailService } from '../mail/mail.service.js';
import { ThrottleService } from '../throttling/throttle.service.js';
import { passwordFault } from '../users/password-policy.js';
import { PasswordsService } from '../users/passwords.service.js';
import type { User } from '../users/user.entity.js';
import { UsersService } from '../users/users.service.js';
import { AccountTokensService, type TokenGrant } from './account-tokens.service.js';
import type { EmailChange, PasswordChange, Reset } from './account.schemas.js';
import { letters } from './letters.js';

@Injectable()
export class AccountService {
  constructor(
    private readonly config: Config,
    private readonly users: UsersService,
    private readonly passwords: PasswordsService,
    private readonly tokens: AccountTokensService,
    private readonly mails: MailService,
    private readonly throttle: ThrottleService,
    private readonly sessions: SessionManager,
    private readonly signIns: SignInService,
    private readonly audit: AuditService,
    private readonly logger: PinoLogger,
  ) {}

  /** The account of who is signed in. */
  async current(request: Request): Promise<User> {
    const user = request.user && (await this.users.findById(request.user.id));
    if (!user) throw new NotSignedInError();
    return user;
  }

  /** Asks by mail whether the address is right. A registration does not wait for it and does not fail by it. */
  welcome(user: User): void {
    this.beside(this.mailToken('verify-email', user, user.email, false));
  }

  /** The same mail once more. @throws {TooManyAttemptsError} */
  async sendVerification(request: Request): Promise<void> {
    const user = await this.current(request);
    await this.throttle.mail(user.email, request.ip);
    if (!user.emailVerifiedAt) await this.mailToken('verify-email', user, user.email, false);
  }

  /**
   * Sends the mail that lets somebody set a new password, if there is such an account; the answer is the same, and
   * takes as long, when there is none (OWASP ASVS 6.3.8).
   * @throws {TooManyAttemptsError}
   */
  async forgotten(request: Request, email: string): Promise<void> {
    await this.throttle.mail(email, request.ip);
    this.audit.note('password-forgotten', request, { email });
    const mail = async () => {
      const user = await this.users.findByEmail(email);
      if (user) await this.mailToken('reset-password', user, user.email, true);
    };
    this.beside(mail());
  }

  /** Whether the link of a mail still works. */
  async works(purpose: 'reset-password' | 'confirm', token: unknown): Promise<boolean> {
    if (typeof token !== 'string') return false;
    if (purpose === 'reset-password') return (await this.tokens.look(purpose, token)) !== undefined;
    const looks = await Promise.all([this.tokens.look('verify-email', token), this.tokens.look('change-email', token)]);
    return looks.some((grant) => grant !== undefined);
  }

  /**
   * Sets a new password with the token of a mail, once, and ends all sessions. Signs nobody in.
   * @throws {InvalidTokenError}
   * @throws {InvalidInputError} when the password is not good enough; the token can be used again
   */
  async reset(request: Request, { token, password }: Reset): Promise<void> {
    const grant = await this.tokens.look('reset-password', token);
    const user = grant && (await this.users.findById(grant.userId));
    if (!user || user.email !== grant.email) throw new InvalidTokenError();
    assertGood(password, user);
    const passwordHash = await this.passwords.hashNew(password);
    if (!(await this.tokens.claim('reset-password', token, claimantOf(request)))) throw new InvalidTokenError();
    // The mail has also proved the address.
    await this.users.change(user.id, { passwordHash, emailVerifiedAt: user.emailVerifiedAt ?? new Date() });
    await this.tokens.revoke(user.id);
    // Before the answer: who reads that the password is new may rely on it that nobody else is in.
    await this.sessions.endAll(user.id);
    this.throttle.forget({ account: user.email, ip: request.ip });
    this.audit.note('password-reset', request, { userId: user.id });
    this.mails.send(user.email, letters.passwordChanged(user.name));
  }

  /** @throws {InvalidInputError} @throws {TooManyAttemptsError} */
  async changePassword(
    request: Request,
    { currentPassword, password, endOtherSessions }: PasswordChange,
  ): Promise<void> {
    const { user, epoch } = await this.proveFully(request, currentPassword);
    assertGood(password, user);
    const passwordHash = await this.passwords.hashNew(password);
    await this.users.change(user.id, { passwordHash });
    await this.tokens.revoke(user.id);
    await this.signIns.renew(request, { user, epoch });
    if (endOtherSessions) await this.sessions.endAll(user.id, request.session);
    this.audit.note('password-changed', request, {}, { endOtherSessions });
    this.mails.send(user.email, letters.passwordChanged(user.name));
  }

  /**
   * Asks the new address whether it is right, and tells the old one. The account keeps the old one until then.
   * @throws {InvalidInputError} @throws {EmailTakenError} @throws {TooManyAttemptsError}
   */
  async changeEmail(request: Request, { email, currentPassword, endOtherSessions }: EmailChange): Promise<void> {
    const { user } = await this.proveFully(request, currentPassword);
    if (await this.users.findByEmail(email)) throw new EmailTakenError();
    await this.throttle.mail(email, request.ip);
    await this.mailToken('change-email', user, email, endOtherSessions);
    this.audit.note('email-change-asked', request);
    this.mails.send(user.email, letters.emailChanging(user.name));
  }

  /** Takes the token of a mail that asked whether an address is right. @throws {InvalidTokenError} @throws {EmailTakenError} */
  async confirmEmail(request: Request, token: string): Promise<void> {
    const claimant = claimantOf(request);
    const verified = await this.tokens.claim('verify-email', token, claimant);
    if (verified) return this.verified(request, verified);
    const changed = await this.tokens.claim('change-email', token, claimant);
    if (!changed) throw new InvalidTokenError();
    await this.changed(request, changed);
  }

  private async verified(request: Request, { userId, email }: TokenGrant): Promise<void> {
    const user = await this.users.findById(userId);
    if (user?.email !== email) throw new InvalidTokenError();
    await this.users.change(userId, { emailVerifiedAt: user.emailVerifiedAt ?? new Date() });
    this.audit.note('email-verified', request, { userId });
  }

  private async changed(request: Request, { userId, email, endSessions }: TokenGrant): Promise<void> {
    const epoch = await this.sessions.epochOf(userId);
    await this.users.change(userId, { email, emailVerifiedAt: new Date() });
    await this.tokens.revoke(userId);
    const user = await this.users.findById(userId);
    if (!user) throw new InvalidTokenError();
    // A session keeps its user's address: this one learns the new one.
    const own = request.user?.id === userId;
    if (own) await this.signIns.renew(request, { user, epoch });
    if (endSessions) await this.sessions.endAll(userId, own ? request.session : undefined);
    this.audit.note('email-changed', request, { userId }, { endSessions });
  }

  /**
   * The account, when this is its password. Guessing is slowed down as at login, and counted apart: failed logins keep
   * nobody who is signed in from proving who they are.
   * @throws {InvalidInputError} @throws {TooManyAttemptsError}
   */
  async prove(request: Request, password: string): Promise<{ user: User; epoch: number }> {
    if (!request.user) throw new NotSignedInError();
    // Before all that is checked, as at login.
    const epoch = await this.sessions.epochOf(request.user.id);
    const user = await this.current(request);
    const matches = await this.throttle.attempt({ account: `${user.id} password`, ip: request.ip }, () =>
      this.passwords.verify(user.passwordHash, password),
    );
    if (matches) return { user, epoch };
    this.audit.note('reauthentication-failed', request);
    throw new InvalidInputError({ currentPassword: 'This is not your current password.' });
  }

  /**
   * The same for changes that decide who gets in: where there is a second factor, the password alone is half a proof, and
   * the last whole one must be fresh (OWASP ASVS 7.5.1).
   * @throws {InvalidInputError} @throws {TooManyAttemptsError} @throws {ReauthenticationRequiredError}
   */
  async proveFully(request: Request, password: string): Promise<{ user: User; epoch: number }> {
    if ((await this.current(request)).totpSince) assertFresh(request);
    return this.prove(request, password);
  }

  private async mailToken(
    purpose: TokenGrant['purpose'],
    user: User,
    email: string,
    endSessions: boolean,
  ): Promise<void> {
    const token = await this.tokens.issue({ purpose, userId: user.id, email, endSessions });
    const resets = purpose === 'reset-password';
    const url = new URL(resets ? '/password/reset' : '/email/confirm', this.config.server.publicUrl);
    url.searchParams.set('token', token);
    const letter = resets
      ? letters.reset(user.name, url.href, limits.resetTokenMs / 60_000)
      : letters.verify(user.name, url.href);
    this.mails.send(email, letter);
  }

  private beside(work: Promise<void>): void {
    work.catch((error: unknown) => this.logger.error({ err: error }, 'a mail could not be prepared'));
  }
}

function assertGood(password: string, whose: User): void {
  const fault = passwordFault(password, whose);
  if (fault) throw new InvalidInputError({ password: fault });
}

/** Who uses a token up: a request, however often a proxy repeats it. */
function claimantOf(request: Request): string {
  return request.trustedId ?? randomUUID();
}
