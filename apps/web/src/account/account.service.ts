// Changes of an account: confirms or changes its e-mail address, changes its password or resets it by e-mail.
import { Injectable } from '@nestjs/common';
import { UserSessions } from '@roam/session/nest';
import { AuditService } from '../audit/audit.service.js';
import { Refusals } from '../audit/refusals.js';
import type { Account } from '../auth/account.js';
import { assertFresh } from '../auth/fresh.js';
import { KnownDevices } from '../auth/known-devices.js';
import { SignInService } from '../auth/sign-in.service.js';
import type { SignedIn } from '../auth/signed-in.js';
import { Transactions } from '../database/transactions.js';
import { idempotencyKeyOf } from '../http/idempotency-key.js';
import { FactorFailures } from '../factors/factor-failures.js';
import { RecoveryCodesService } from '../factors/recovery-codes.service.js';
import {
  EmailTakenError,
  InvalidInputError,
  InvalidTokenError,
  NotSignedInError,
  OtherAccountError,
} from '../http/app.errors.js';
import type { Caller } from '../http/caller.js';
import { WrongProofError } from '../http/refused.errors.js';
import { causeOf } from '../mail/cause-of.js';
import { PasskeyStore } from '../passkeys/passkey-store.js';
import { ThrottleService } from '../throttling/throttle.service.js';
import { normalizedPassword, passwordFault } from '../users/password-policy.js';
import { PasswordsService } from '../users/passwords.service.js';
import { withoutTotp, type User, type UserWithSecrets } from '../users/user.entity.js';
import { UsersService } from '../users/users.service.js';
import type { TokenPurpose } from './account-token.entity.js';
import { AccountTokensService, type TokenGrant } from './account-tokens.service.js';
import type { EmailChange, PasswordChange, Reset } from './account.schemas.js';
import { accountMails } from './account-mails.js';
import { NoticesService } from './notices.service.js';
import { TokenMailsService } from './token-mails.service.js';

/** The links that are for one page each. */
type LinkPurpose = Exclude<TokenPurpose, 'verify-email' | 'change-email'>;

/** An account with what proves its identity. */
export interface Provable extends Account {
  readonly user: UserWithSecrets;
}

export interface Proved extends Provable {
  /** The one of the given passwords that is the account's. */
  readonly password: string;
}

@Injectable()
export class AccountService {
  constructor(
    private readonly users: UsersService,
    private readonly passwords: PasswordsService,
    private readonly tokens: AccountTokensService,
    private readonly passkeys: PasskeyStore,
    private readonly codes: RecoveryCodesService,
    private readonly failures: FactorFailures,
    private readonly notices: NoticesService,
    private readonly tokenMails: TokenMailsService,
    private readonly transactions: Transactions,
    private readonly throttle: ThrottleService,
    private readonly sessions: UserSessions,
    private readonly signIns: SignInService,
    private readonly devices: KnownDevices,
    private readonly audit: AuditService,
    private readonly refusals: Refusals,
  ) {}

  /** The account of the signed-in user. */
  async current(signedIn: SignedIn | undefined): Promise<User> {
    const user = signedIn && (await this.users.findById(signedIn.id));
    if (!user) throw new NotSignedInError();
    return user;
  }

  /** The same for a proof of identity. The epoch is read before everything that is checked, as at sign-in. */
  async account(signedIn: SignedIn | undefined): Promise<Provable> {
    if (!signedIn) throw new NotSignedInError();
    const epoch = await this.sessions.epochOf(signedIn.id);
    const user = await this.users.findWithSecrets(signedIn.id);
    if (!user) throw new NotSignedInError();
    return { user, epoch };
  }

  /** Sends the e-mail that confirms the address again. @throws {TooManyAttemptsError} */
  async sendVerification(caller: Caller): Promise<void> {
    const user = await this.current(caller.user);
    await this.throttle.mail({
      account: user.email,
      ip: caller.ip,
      device: await this.devices.find(caller, user.email),
    });
    const options = { ...causeOf(caller), byOwner: true };
    if (!user.emailVerifiedAt) await this.tokenMails.verify(user, options);
  }

  /**
   * Sends the e-mail to set a new password, if there is such an account. If there is none, the answer is the same and
   * takes as long (OWASP ASVS 6.3.8).
   * @throws {TooManyAttemptsError}
   */
  async forgotten(caller: Caller, email: string): Promise<void> {
    const device = await this.devices.find(caller, email);
    await this.throttle.mail({ account: email, ip: caller.ip, device });
    this.audit.note('password-forgotten', caller, { email });
    const options = { ...causeOf(caller), byOwner: device !== undefined };
    await this.tokenMails.forgotten(email, options);
  }

  /** Whether the link of an e-mail still works. One that does not is a refusal, though the page only says so. */
  async isValidToken(caller: Caller, purpose: LinkPurpose | 'confirm', token: unknown): Promise<boolean> {
    if (typeof token !== 'string') return false;
    const purposes = purpose === 'confirm' ? (['verify-email', 'change-email'] as const) : [purpose];
    const grants = await Promise.all(purposes.map((one) => this.tokens.find(one, token)));
    if (grants.some((grant) => grant !== undefined)) return true;
    this.refusals.note(caller, new InvalidTokenError());
    return false;
  }

  /**
   * Sets a new password with the token of an e-mail, once, and ends all sessions. Signs nobody in. If the address was
   * never confirmed, somebody else may have opened the account: the passkeys and the second factor are removed too.
   * @throws {InvalidTokenError}
   * @throws {InvalidInputError} when the password is not good enough; the token can be used again
   */
  async reset(caller: Caller, { token, password }: Reset): Promise<void> {
    const cause = causeOf(caller);
    const grant = await this.tokens.find('reset-password', token, cause.key);
    const user = grant && (await this.users.findById(grant.userId));
    if (!user || user.email !== grant.email) throw new InvalidTokenError();
    assertAllowed(password, user);
    const passwordHash = await this.passwords.hashNew(password);
    if (!(await this.tokens.use('reset-password', token, cause.key))) throw new InvalidTokenError();
    const unproved = user.emailVerifiedAt === null;
    await this.transactions.run(async (manager) => {
      if (!(await this.users.takeTurn(user.id, manager))) throw new InvalidTokenError();
      await this.users.change(user.id, { passwordHash }, manager);
      // Before the sessions end: otherwise a passkey could start another session.
      if (unproved) await this.passkeys.deleteOf(user.id, manager);
      const options = { ...cause, manager };
      await this.notices.send(user, (link) => accountMails.passwordChanged(link), options);
    });
    await this.tokens.revoke(user.id);
    // Before the answer: it promises that no other session is left.
    await this.sessions.endAll(user.id);
    if (unproved) {
      await this.transactions.run(async (manager) => {
        // The e-mail has proved the address. Stored last, so that a repeated request completes an interrupted one.
        await this.users.change(user.id, { ...withoutTotp, emailVerifiedAt: new Date() }, manager);
        // Again: a session that has just ended may have added one.
        await this.passkeys.deleteOf(user.id, manager);
        await this.codes.deleteOf(user.id, manager);
        await this.failures.forget(user.id, manager);
      });
    }
    this.throttle.forget({ account: user.email, ip: caller.ip });
    this.audit.note('password-reset', caller, { userId: user.id }, { factorsRemoved: unproved });
  }

  /**
   * May be repeated until this session has its new token, which comes last: from then on the new password is accepted
   * like the old one. The present password set again changes nothing, and nobody is told.
   * @throws {InvalidInputError} @throws {TooManyAttemptsError} @throws {ReauthenticationRequiredError}
   * @throws {NotSignedInError} when another request has changed the password meanwhile
   */
  async changePassword(caller: Caller, { currentPassword, password, endOtherSessions }: PasswordChange): Promise<void> {
    const { user: before, epoch, password: present } = await this.proveFully(caller, currentPassword, password);
    assertAllowed(password, before);
    const isNew = normalizedPassword(present) !== normalizedPassword(password);
    const passwordHash = isNew ? await this.replacePassword(caller, before, password) : before.passwordHash;
    await this.tokens.revoke(before.id);
    if (endOtherSessions) await this.sessions.endAll(before.id, caller.session);
    const { user } = await this.account(caller.user);
    // A request that sets another password after this read ends this session by the epoch, which is older.
    if (user.passwordHash !== passwordHash) throw new NotSignedInError();
    this.devices.remember(caller, user);
    await this.signIns.renew(caller, { user, epoch }, { proved: true });
    this.audit.note('password-changed', caller, {}, { endOtherSessions, ...(!isNew && { unchanged: true }) });
  }

  private async replacePassword(caller: Caller, user: UserWithSecrets, password: string): Promise<string> {
    const passwordHash = await this.passwords.hashNew(password);
    const cause = causeOf(caller);
    await this.transactions.run(async (manager) => {
      if (!(await this.users.replaceHash(user, passwordHash, manager))) throw new NotSignedInError();
      const options = { ...cause, manager };
      await this.notices.send(user, (link) => accountMails.passwordChanged(link), options);
    });
    return passwordHash;
  }

  /**
   * Sends a confirmation e-mail to the new address and informs the old one. The account keeps the old address until
   * then.
   * @throws {InvalidInputError} @throws {EmailTakenError} @throws {TooManyAttemptsError}
   */
  async changeEmail(caller: Caller, { email, currentPassword, endOtherSessions }: EmailChange): Promise<void> {
    const { user } = await this.proveFully(caller, currentPassword);
    // Before the look-up, whose result shows whether an address has an account.
    await this.throttle.mail({ account: email, ip: caller.ip });
    if (await this.users.findByEmail(email)) throw new EmailTakenError().concerning({ userId: user.id, email });
    const cause = causeOf(caller);
    const grant = { purpose: 'change-email', userId: user.id, email, endSessions: endOtherSessions } as const;
    await this.transactions.run(async (manager) => {
      // It may have been deleted since the proof.
      if (!(await this.users.takeTurn(user.id, manager))) throw new NotSignedInError();
      const options = { ...cause, byOwner: true, manager };
      await this.tokenMails.send(user, grant, options);
      await this.notices.send(user, (link) => accountMails.emailChanging(link), options);
    });
    this.audit.note('email-change-asked', caller);
  }

  /**
   * Confirms an address with the token of an e-mail. The user must be signed in to that account: otherwise the reader
   * of the e-mail would confirm an account that somebody else opened.
   * @throws {NotSignedInError} @throws {InvalidTokenError} @throws {OtherAccountError} @throws {EmailTakenError}
   */
  async confirmEmail(caller: Caller, token: string): Promise<void> {
    if (!caller.user) throw new NotSignedInError();
    const idempotencyKey = idempotencyKeyOf(caller);
    const grant =
      (await this.tokens.find('verify-email', token, idempotencyKey)) ??
      (await this.tokens.find('change-email', token, idempotencyKey));
    if (!grant) throw new InvalidTokenError();
    if (grant.userId !== caller.user.id) throw new OtherAccountError();
    if (!(await this.tokens.use(grant.purpose, token, idempotencyKey))) throw new InvalidTokenError();
    await (grant.purpose === 'verify-email' ? this.confirmAddress(caller, grant) : this.changeAddress(caller, grant));
  }

  private async confirmAddress(caller: Caller, { userId, email }: TokenGrant): Promise<void> {
    const user = await this.users.findById(userId);
    if (user?.email !== email) throw new InvalidTokenError();
    await this.users.change(userId, { emailVerifiedAt: user.emailVerifiedAt ?? new Date() });
    await this.tokens.revoke(userId, 'verify-email');
    this.audit.note('email-verified', caller, { userId });
  }

  private async changeAddress(caller: Caller, { userId, email, endSessions }: TokenGrant): Promise<void> {
    const before = await this.users.findById(userId);
    const cause = causeOf(caller);
    await this.transactions.run(async (manager) => {
      await this.users.change(userId, { email, emailVerifiedAt: new Date() }, manager);
      // A repeated request finds the new address already.
      if (!before || before.email === email) return;
      const options = { ...cause, manager };
      await this.notices.send(before, (link) => accountMails.emailChanged(link), options);
    });
    await this.tokens.revoke(userId);
    if (endSessions) await this.sessions.endAll(userId, caller.session);
    // A session keeps its user's address, so this session is renewed. Last, so that a proxy can repeat the request.
    await this.signIns.renew(caller, { user: await this.current(caller.user) });
    this.audit.note('email-changed', caller, { userId }, { endSessions });
  }

  /**
   * The account, if one of these is its password. Attempts are throttled as at sign-in, with counters of their own, by
   * session: neither failed sign-ins nor another session prevent a signed-in user from re-authenticating.
   * @throws {InvalidInputError} @throws {TooManyAttemptsError}
   */
  async prove(caller: Caller, ...passwords: string[]): Promise<Proved> {
    const account = await this.account(caller.user);
    const { user } = account;
    const attempt = {
      account: `${user.id} password`,
      ip: caller.ip,
      device: this.devices.ownOf(caller, user),
      userId: user.id,
    };
    const password = await this.throttle.attempt(attempt, () => this.matching(user, passwords));
    if (password !== false) return { ...account, password };
    throw new WrongProofError('currentPassword', 'This is not your current password.');
  }

  /**
   * The same for changes of the ways to sign in. With a second factor the password is not enough: the last
   * re-authentication must be fresh (OWASP ASVS 7.5.1).
   * @throws {InvalidInputError} @throws {TooManyAttemptsError} @throws {ReauthenticationRequiredError}
   */
  async proveFully(caller: Caller, ...passwords: string[]): Promise<Proved> {
    if ((await this.current(caller.user)).totpSince) assertFresh(caller.user!);
    return this.prove(caller, ...passwords);
  }

  private async matching({ passwordHash }: UserWithSecrets, passwords: readonly string[]): Promise<string | false> {
    for (const password of passwords) if (await this.passwords.verify(passwordHash, password)) return password;
    return false;
  }
}

function assertAllowed(password: string, whose: User): void {
  const fault = passwordFault(password, whose);
  if (fault) throw new InvalidInputError({ password: fault });
}
