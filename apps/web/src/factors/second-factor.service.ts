// The second step of signing in: an authenticator app's code, or a recovery code.
import { Injectable } from '@nestjs/common';
import { UserSessions } from '@roam/session/nest';
import type { Request } from 'express';
import { randomBytes } from 'node:crypto';
import { AccountService } from '../account/account.service.js';
import { AuditService } from '../audit/audit.service.js';
import type { Account } from '../auth/account.js';
import { assertFresh, isFresh } from '../auth/fresh.js';
import { SignInService } from '../auth/sign-in.service.js';
import { Config } from '../config/config.js';
import { limits } from '../config/limits.js';
import { siteName } from '../config/site.js';
import { SecretBox } from '../database/secret-box.js';
import { Transactions } from '../database/transactions.js';
import { InvalidInputError, LoginExpiredError, PasskeyRequiredError } from '../http/app.errors.js';
import { idempotencyKeyOf } from '../http/idempotency-key.js';
import { MailService } from '../mail/mail.service.js';
import { accountMails } from '../account/account-mails.js';
import { ThrottleService } from '../throttling/throttle.service.js';
import { SessionSpace } from '../session/session-space.js';
import { withoutTotp, type User, type UserWithSecrets } from '../users/user.entity.js';
import { UsersService } from '../users/users.service.js';
import { PasskeyStore } from '../passkeys/passkey-store.js';
import { RecoveryCodesService } from './recovery-codes.service.js';
import { base32, otpauthUri, stepOf } from './totp.js';

/** The key in the session of the user whose password was right. */
const key = 'secondFactor';
/**
 * The key in the session of the encrypted secret of an app that is not confirmed yet: only the session that created it
 * can confirm it.
 */
const enrolmentKey = 'enrolment';

/** A sign-in whose password was right and whose second step is missing. */
interface Pending {
  readonly userId: string;
  readonly epoch: number;
  readonly remember: boolean;
  readonly returnTo: string;
  readonly endsAt: number;
}

declare module '@roam/session' {
  interface SessionData {
    [key]: Pending;
    [enrolmentKey]: string;
  }
}

/** The data for an authenticator app. */
export interface Enrolment {
  readonly secret: string;
  readonly uri: string;
}

@Injectable()
export class SecondFactorService {
  private readonly box: SecretBox;

  constructor(
    config: Config,
    private readonly users: UsersService,
    private readonly accounts: AccountService,
    private readonly codes: RecoveryCodesService,
    private readonly passkeys: PasskeyStore,
    private readonly throttle: ThrottleService,
    private readonly sessions: UserSessions,
    private readonly signIns: SignInService,
    private readonly mails: MailService,
    private readonly transactions: Transactions,
    private readonly audit: AuditService,
    private readonly space: SessionSpace,
  ) {
    this.box = new SecretBox(config.session.secrets, 'roam second factor');
  }

  /**
   * True if the account has a second factor: the sign-in then waits in the session for `complete`.
   * @throws {PasskeyRequiredError} if the site requires one and it is a passkey: otherwise the password alone would be
   * enough to set up another
   */
  async begin(request: Request, { user, epoch }: Account, remember: boolean, returnTo = '/account'): Promise<boolean> {
    if (!user.totpSince) {
      if (this.signIns.isDemandedOf(user) && (await this.passkeys.listOf(user.id)).length > 0)
        throw new PasskeyRequiredError();
      return false;
    }
    const endsAt = Date.now() + limits.secondStepMs;
    const after = Buffer.byteLength(returnTo) <= limits.returnToBytes ? returnTo : '/account';
    const pending: Pending = { userId: user.id, epoch, remember, returnTo: after, endsAt };
    this.space.makeRoom(request.session!, { [key]: pending });
    this.sessions.proved(request.session!);
    request.session![key] = pending;
    this.audit.note('second-factor-asked', request, { userId: user.id });
    return true;
  }

  /** Whether this session has a sign-in that waits for its second step. */
  isPending(request: Request): boolean {
    const pending = request.session?.[key];
    return pending !== undefined && Date.now() < pending.endsAt;
  }

  /**
   * Signs in with the code of the app or a recovery code.
   * @throws {LoginExpiredError} @throws {InvalidInputError} @throws {TooManyAttemptsError}
   */
  async complete(request: Request, code: string): Promise<{ user: User; returnTo: string }> {
    if (!this.isPending(request)) throw new LoginExpiredError();
    const { userId, epoch, remember, returnTo } = request.session![key]!;
    const user = await this.users.findWithSecrets(userId);
    if (!user) throw new LoginExpiredError();
    await this.assertProved(request, user, code);
    delete request.session![key];
    await this.signIns.signIn(request, { user, epoch }, remember, 'password and code');
    return { user, returnTo };
  }

  /**
   * The account of the signed-in user, if this is a code of theirs. @throws {InvalidInputError} @throws
   * {TooManyAttemptsError}
   */
  async prove(request: Request, code: string): Promise<Account> {
    const account = await this.accounts.account(request);
    await this.assertProved(request, account.user, code);
    return account;
  }

  /** `enrolment` while an app is being set up in this session and the proof of identity is fresh. */
  async state(request: Request): Promise<{ since: Date | null; recoveryCodes: number; enrolment?: Enrolment }> {
    const user = await this.accounts.current(request);
    const secret = !user.totpSince && isFresh(request) && this.enrolling(request, user);
    return {
      since: user.totpSince,
      recoveryCodes: await this.codes.left(user.id),
      ...(secret && { enrolment: this.enrolment(user, secret) }),
    };
  }

  /**
   * Creates a secret for an app. It is in force when `confirm` has seen a code of it, in this session and soon.
   * @throws {InvalidInputError} @throws {TooManyAttemptsError}
   */
  async enrol(request: Request, password: string): Promise<Enrolment> {
    const account = await this.accounts.prove(request, password);
    const { user } = account;
    if (user.totpSince) throw new InvalidInputError({ currentPassword: 'Two-step verification is already on.' });
    const secret = randomBytes(20);
    const sealed = this.box.seal(user.id, secret).toString('base64url');
    this.space.makeRoom(request.session!, { [enrolmentKey]: sealed });
    request.session![enrolmentKey] = sealed;
    await this.signIns.renew(request, account, { proved: true });
    return this.enrolment(user, secret);
  }

  /**
   * Turns the second factor on, ends all other sessions, and creates the recovery codes.
   * @throws {InvalidInputError} @throws {TooManyAttemptsError} @throws {ReauthenticationRequiredError}
   */
  async confirm(request: Request, code: string): Promise<string[]> {
    assertFresh(request);
    const user = await this.accounts.current(request);
    const secret = this.enrolling(request, user);
    const wrong = new InvalidInputError({ code: 'This code is wrong. Enter the code that the app shows now.' });
    if (!secret) throw wrong;
    const attempt = { account: `${user.id} second factor`, ip: request.ip };
    const step = await this.throttle.attempt(
      attempt,
      async () => stepOf(secret, code.replace(/\s/g, ''), Date.now()) ?? false,
    );
    if (step === false) throw wrong;
    const idempotencyKey = idempotencyKeyOf(request);
    await this.transactions.run(async (manager) => {
      const sealed = this.box.seal(user.id, secret);
      if (!(await this.users.addTotp(user.id, sealed, step, idempotencyKey, manager))) throw wrong;
      await this.mails.send(user.email, accountMails.secondFactor(user.name, true), { key: idempotencyKey, manager });
    });
    const recoveryCodes = await this.codes.renew(user.id);
    delete request.session![enrolmentKey];
    await this.signIns.renew(request, { user }, { enrolled: true });
    await this.sessions.endAll(user.id, request.session);
    this.audit.note('factor-added', request, {}, { factor: 'totp' });
    return recoveryCodes;
  }

  /** Turns the second factor off. @throws {InvalidInputError} */
  async remove(request: Request, password: string): Promise<void> {
    const { user, epoch } = await this.accounts.proveFully(request, password);
    if (this.signIns.isDemandedOf(user) && (await this.passkeys.listOf(user.id)).length === 0)
      throw new InvalidInputError({
        currentPassword: 'This site requires two-step verification. Add a passkey before you turn it off.',
      });
    const key = idempotencyKeyOf(request);
    await this.transactions.run(async (manager) => {
      await this.users.change(user.id, withoutTotp, manager);
      await this.mails.send(user.email, accountMails.secondFactor(user.name, false), { key, manager });
    });
    await this.codes.remove(user.id);
    await this.signIns.renew(request, { user, epoch }, { proved: true });
    await this.sessions.endAll(user.id, request.session);
    this.audit.note('factor-removed', request, {}, { factor: 'totp' });
  }

  private async assertProved(request: Request, user: UserWithSecrets, code: string): Promise<void> {
    const proved = await this.throttle.attempt({ account: `${user.id} second factor`, ip: request.ip }, () =>
      this.check(request, user, code),
    );
    if (!proved) throw new InvalidInputError({ code: 'This code is wrong, has expired or has already been used.' });
  }

  private async check(request: Request, user: UserWithSecrets, code: string): Promise<boolean> {
    const compact = code.replace(/\s/g, '');
    if (user.totpSecret && /^\d{6}$/.test(compact)) {
      if (await this.checkTotp(user, user.totpSecret, compact, idempotencyKeyOf(request))) return true;
    } else if (await this.codes.use(user.id, code, idempotencyKeyOf(request))) {
      this.audit.note('recovery-code-used', request, { userId: user.id });
      return true;
    }
    this.audit.note('second-factor-failed', request, { userId: user.id });
    return false;
  }

  private async checkTotp(user: User, sealed: Buffer, code: string, idempotencyKey: string): Promise<boolean> {
    const { secret, isOld } = this.box.open(user.id, sealed);
    const step = stepOf(secret, code, Date.now());
    if (step === undefined || !(await this.users.useTotpStep(user.id, step, idempotencyKey))) return false;
    if (isOld) await this.users.change(user.id, { totpSecret: this.box.seal(user.id, secret) });
    return true;
  }

  /** The secret of the app that is being set up in this session, if there is one. */
  private enrolling(request: Request, user: User): Buffer | undefined {
    const sealed = request.session![enrolmentKey];
    return sealed === undefined ? undefined : this.box.open(user.id, Buffer.from(sealed, 'base64url')).secret;
  }

  private enrolment(user: User, secret: Buffer): Enrolment {
    return { secret: base32(secret), uri: otpauthUri(secret, siteName, user.email) };
  }
}
