// The second step of signing in: an authenticator app's code, or a recovery code.
import { Injectable } from '@nestjs/common';
import type { Session } from '@roam/session';
import { UserSessions } from '@roam/session/nest';
import { randomBytes } from 'node:crypto';
import { AccountService } from '../account/account.service.js';
import { AccountTokensService } from '../account/account-tokens.service.js';
import { AuditService } from '../audit/audit.service.js';
import type { Account } from '../auth/account.js';
import { assertFresh, isFresh } from '../auth/fresh.js';
import { SecondFactorRule } from '../auth/second-factor-rule.js';
import { sessionDevice } from '../auth/known-devices.js';
import { SignInService } from '../auth/sign-in.service.js';
import type { SignedIn } from '../auth/signed-in.js';
import { Config } from '../config/config.js';
import { limits } from '../config/limits.js';
import { siteName } from '../config/site.js';
import { SecretBox } from '../database/secret-box.js';
import { Transactions } from '../database/transactions.js';
import {
  InvalidInputError,
  InvalidTokenError,
  LoginExpiredError,
  NotSignedInError,
  PasskeyRequiredError,
  SecondFactorMissingError,
} from '../http/app.errors.js';
import type { Caller } from '../http/caller.js';
import { WrongProofError } from '../http/refused.errors.js';
import { idempotencyKeyOf } from '../http/idempotency-key.js';
import { causeOf } from '../mail/cause-of.js';
import { accountMails } from '../account/account-mails.js';
import { NoticesService } from '../account/notices.service.js';
import { ThrottleService } from '../throttling/throttle.service.js';
import { SessionSpace } from '../session/session-space.js';
import { withoutTotp, type User } from '../users/user.entity.js';
import { UsersService } from '../users/users.service.js';
import { PasskeyStore } from '../passkeys/passkey-store.js';
import { FactorFailures } from './factor-failures.js';
import { FactorProofs } from './factor-proofs.service.js';
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

interface FactorState {
  /** When the authenticator app was set up. */
  readonly since: Date | null;
  readonly recoveryCodes: number;
  /** While an app is being set up in this session and the proof of identity is fresh. */
  readonly enrolment?: Enrolment;
  /** What this session lacks that the site requires. */
  readonly missing?: 'to prove' | 'to set up';
}

@Injectable()
export class SecondFactorService {
  private readonly box: SecretBox;

  constructor(
    config: Config,
    private readonly users: UsersService,
    private readonly accounts: AccountService,
    private readonly codes: RecoveryCodesService,
    private readonly proofs: FactorProofs,
    private readonly failures: FactorFailures,
    private readonly tokens: AccountTokensService,
    private readonly passkeys: PasskeyStore,
    private readonly throttle: ThrottleService,
    private readonly sessions: UserSessions,
    private readonly signIns: SignInService,
    private readonly rule: SecondFactorRule,
    private readonly notices: NoticesService,
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
  async begin(caller: Caller, { user, epoch }: Account, remember: boolean, returnTo = '/account'): Promise<boolean> {
    if (!user.totpSince) {
      if (this.rule.isDemandedOf(user) && (await this.passkeys.listOf(user.id)).length > 0)
        throw new PasskeyRequiredError().concerning({ userId: user.id });
      return false;
    }
    const endsAt = Date.now() + limits.secondStepMs;
    const after = Buffer.byteLength(returnTo) <= limits.returnToBytes ? returnTo : '/account';
    const pending: Pending = { userId: user.id, epoch, remember, returnTo: after, endsAt };
    this.space.makeRoom(caller.session!, { [key]: pending });
    this.sessions.proved(caller.session!);
    caller.session![key] = pending;
    this.audit.note('second-factor-asked', caller, { userId: user.id });
    return true;
  }

  /** Whether this session has a sign-in that waits for its second step. */
  isPending(session: Session | undefined): boolean {
    const pending = session?.[key];
    return pending !== undefined && Date.now() < pending.endsAt;
  }

  /**
   * Signs in with the code of the app or a recovery code.
   * @throws {LoginExpiredError} @throws {InvalidInputError} @throws {TooManyAttemptsError}
   */
  async complete(caller: Caller, code: string): Promise<{ user: User; returnTo: string }> {
    if (!this.isPending(caller.session)) throw new LoginExpiredError();
    const { userId, epoch, remember, returnTo } = caller.session![key]!;
    const user = await this.users.findWithSecrets(userId);
    if (!user) throw new LoginExpiredError();
    await this.proofs.assert(caller, user, code);
    delete caller.session![key];
    await this.signIns.signIn(caller, { user, epoch }, remember, 'password and code');
    return { user, returnTo };
  }

  /**
   * The account of the signed-in user, if this is a code of theirs. @throws {InvalidInputError} @throws
   * {TooManyAttemptsError}
   */
  async prove(caller: Caller, code: string): Promise<Account> {
    const account = await this.accounts.account(caller.user);
    await this.proofs.assert(caller, account.user, code);
    return account;
  }

  /** Allows codes of the app again, by the link of an e-mail, once. @throws {InvalidTokenError} */
  async unlock(caller: Caller, token: string): Promise<void> {
    const key = idempotencyKeyOf(caller);
    const grant = await this.tokens.find('unlock-codes', token, key);
    const user = grant && (await this.users.findById(grant.userId));
    if (!user || user.email !== grant.email) throw new InvalidTokenError();
    if (!(await this.tokens.use('unlock-codes', token, key))) throw new InvalidTokenError();
    await this.failures.forget(user.id);
    this.audit.note('codes-allowed', caller, { userId: user.id });
  }

  async state(signedIn: SignedIn, session: Session): Promise<FactorState> {
    const user = await this.accounts.current(signedIn);
    const isMissing = this.rule.isMissingIn(signedIn);
    const hasOne = user.totpSince !== null || (isMissing && (await this.passkeys.listOf(user.id)).length > 0);
    const secret = !user.totpSince && isFresh(signedIn) && this.enrolling(session, user);
    return {
      since: user.totpSince,
      recoveryCodes: await this.codes.left(user.id),
      ...(isMissing && { missing: hasOne ? 'to prove' : 'to set up' }),
      ...(secret && { enrolment: this.enrolment(user, secret) }),
    };
  }

  /**
   * Creates a secret for an app. It is in force when `confirm` has seen a code of it, in this session and soon.
   * @throws {InvalidInputError} @throws {TooManyAttemptsError}
   */
  async enrol(caller: Caller, password: string): Promise<Enrolment> {
    const account = await this.accounts.prove(caller, password);
    const { user } = account;
    await this.assertMayEnrol(caller.user!, user);
    if (user.totpSince) throw new InvalidInputError({ currentPassword: 'Two-step verification is already on.' });
    const secret = randomBytes(20);
    const sealed = this.box.seal(user.id, secret).toString('base64url');
    this.space.makeRoom(caller.session!, { [enrolmentKey]: sealed });
    caller.session![enrolmentKey] = sealed;
    await this.signIns.renew(caller, account, { proved: true });
    return this.enrolment(user, secret);
  }

  /**
   * Turns the second factor on, ends all other sessions, and creates the recovery codes.
   * @throws {InvalidInputError} @throws {TooManyAttemptsError} @throws {ReauthenticationRequiredError}
   */
  async confirm(caller: Caller, code: string): Promise<string[]> {
    assertFresh(caller.user!);
    const user = await this.accounts.current(caller.user);
    const secret = this.enrolling(caller.session!, user);
    const wrong = new WrongProofError('code', 'This code is wrong. Enter the code that the app shows now.');
    if (!secret) throw wrong;
    await this.assertMayEnrol(caller.user!, user);
    const step = await this.throttle.attempt(
      // The secret is this session's, which others know nothing of.
      { account: `${user.id} enrolment`, userId: user.id, ip: caller.ip, device: sessionDevice(caller.session!) },
      async () => stepOf(secret, code.replace(/\s/g, ''), Date.now()) ?? false,
    );
    if (step === false) throw wrong;
    const cause = causeOf(caller);
    const recoveryCodes = await this.transactions.run(async (manager) => {
      const sealed = this.box.seal(user.id, secret);
      if (!(await this.users.addTotp(user.id, sealed, step, cause.key, manager))) throw wrong;
      const options = { ...cause, manager };
      await this.notices.send(user, (link) => accountMails.secondFactor(true, link), options);
      await this.failures.forget(user.id, manager);
      return this.codes.renew(user.id, manager);
    });
    delete caller.session![enrolmentKey];
    await this.signIns.renew(caller, { user }, { twoFactors: true });
    await this.sessions.endAll(user.id, caller.session);
    this.audit.note('factor-added', caller, {}, { factor: 'totp' });
    return recoveryCodes;
  }

  /** Turns the second factor off. @throws {InvalidInputError} @throws {SecondFactorMissingError} */
  async remove(caller: Caller, password: string): Promise<void> {
    if (this.rule.isMissingIn(caller.user!)) throw new SecondFactorMissingError();
    const { user, epoch } = await this.accounts.proveFully(caller, password);
    const cause = causeOf(caller);
    const isLast = await this.transactions.run(async (manager) => {
      // Another request may be about to remove a passkey: one of them is the last factor.
      if (!(await this.users.takeTurn(user.id, manager))) throw new NotSignedInError();
      const isOnly = (await this.passkeys.countOf(user.id, manager)) === 0;
      if (isOnly && this.rule.isDemandedOf(user))
        throw new InvalidInputError({
          currentPassword: 'This site requires two-step verification. Add a passkey before you turn it off.',
        });
      await this.users.change(user.id, withoutTotp, manager);
      await this.codes.deleteOf(user.id, manager);
      await this.failures.forget(user.id, manager);
      const options = { ...cause, manager };
      await this.notices.send(user, (link) => accountMails.secondFactor(false, link), options);
      return isOnly;
    });
    await this.signIns.renew(caller, { user, epoch }, { proved: true, ...(isLast && { twoFactors: false }) });
    await this.sessions.endAll(user.id, caller.session);
    this.audit.note('factor-removed', caller, {}, { factor: 'totp' });
  }

  /**
   * Where the site requires a second factor, a session without one sets up the first only: otherwise a password alone would be
   * enough to set up an app beside a passkey. @throws {PasskeyRequiredError}
   */
  private async assertMayEnrol(signedIn: SignedIn, user: User): Promise<void> {
    if (this.rule.isMissingIn(signedIn) && (await this.passkeys.listOf(user.id)).length > 0)
      throw new PasskeyRequiredError();
  }

  /** The secret of the app that is being set up in this session, if there is one. */
  private enrolling(session: Session, user: User): Buffer | undefined {
    const sealed = session[enrolmentKey];
    return sealed === undefined ? undefined : this.box.open(user.id, Buffer.from(sealed, 'base64url')).secret;
  }

  private enrolment(user: User, secret: Buffer): Enrolment {
    return { secret: base32(secret), uri: otpauthUri(secret, siteName, user.email) };
  }
}
