// Starts and ends signed-in sessions, in the form of Passport's: its guards and strategies find the user.
import { Injectable } from '@nestjs/common';
import { UserSessions } from '@roam/session/nest';
import passport from 'passport';
import { AuditService } from '../audit/audit.service.js';
import { Config } from '../config/config.js';
import { AccountDeactivatedError } from '../http/app.errors.js';
import type { Caller } from '../http/caller.js';
import { cookiesOf } from '../http/cookies.js';
import { limits } from '../config/limits.js';
import { SessionSpace } from '../session/session-space.js';
import { hasSecrets, publicUser, type User } from '../users/user.entity.js';
import type { Account } from './account.js';
import { KnownDevices } from './known-devices.js';
import { SecondFactorRule } from './second-factor-rule.js';
import { signedInOf, type SignedIn } from './signed-in.js';
import { withinBytes } from './within-bytes.js';

/** The proof of identity. */
export type SignInBy = 'registration' | 'password' | 'password and code' | 'passkey';

const withTwoFactors: ReadonlySet<SignInBy> = new Set(['password and code', 'passkey']);

/** A mistake of the app's code. */
class UnprovedSignInError extends Error {
  constructor() {
    super(
      'caller.logIn was given an account without a proof of identity (its epoch and time), which no session may hold: ' +
        'sign in by SignInService.signIn(caller, account, remember) instead.',
    );
  }
}

@Injectable()
export class SignInService {
  /** Called after a sign-in by a browser that was not known; `NoticesService` tells the owner. */
  onNewDevice: (caller: Caller, user: User) => void = () => undefined;

  constructor(
    private readonly config: Config,
    private readonly sessions: UserSessions,
    private readonly devices: KnownDevices,
    private readonly audit: AuditService,
    private readonly rule: SecondFactorRule,
    private readonly space: SessionSpace,
  ) {
    // A guard of Passport's may call `request.logIn`, which knows nothing of epochs.
    passport.serializeUser((_user, done) => done(new UnprovedSignInError()));
    // Without a look-up, which would be a second read in every request. The user's data changes with a new session
    // only.
    passport.deserializeUser<SignedIn>((signedIn, done) => done(null, signedIn));
  }

  /**
   * Signs the account in with a new token, and keeps the visitor's session data (the cart).
   * @throws {AccountDeactivatedError}
   */
  async signIn(caller: Caller, account: Account, remember: boolean, by: SignInBy = 'password'): Promise<void> {
    if (account.user.deactivatedAt) throw new AccountDeactivatedError().concerning({ userId: account.user.id });
    await this.begin(caller, account, { authenticatedAt: Date.now(), remember, twoFactors: withTwoFactors.has(by) });
    this.audit.note('login', caller, {}, { remember, by });
    if (!hasSecrets(account.user)) return;
    const isKnown = this.devices.remember(caller, account.user);
    if (!isKnown && by !== 'registration') this.onNewDevice(caller, account.user);
  }

  /**
   * A new token for the signed-in user, after a re-authentication or a change of the account (OWASP ASVS 7.2.4). If all
   * sessions of the user were ended meanwhile, this one ends too.
   * @param account its epoch counts with a proof only
   * @param change `proved`: this request has proved the identity; `twoFactors`: whether the session has proved a second factor
   * from now on, otherwise as before
   * @throws {AccountDeactivatedError}
   */
  async renew(
    caller: Caller,
    { user, epoch = 0 }: Pick<Account, 'user'> & Partial<Account>,
    { proved = false, twoFactors = caller.user!.twoFactors === true } = {},
  ): Promise<void> {
    if (user.deactivatedAt) throw new AccountDeactivatedError();
    const bound = this.sessions.boundEpoch(caller.session!);
    const account = { user, epoch: proved ? Math.max(epoch, bound) : bound };
    await this.begin(caller, account, {
      authenticatedAt: proved ? Date.now() : caller.user!.authenticatedAt,
      remember: caller.session!.info.remember,
      twoFactors,
    });
  }

  private async begin(
    caller: Caller,
    { user, epoch }: Account,
    { authenticatedAt, remember, twoFactors }: { authenticatedAt: number; remember: boolean; twoFactors: boolean },
  ): Promise<void> {
    const session = caller.session!;
    // Named one by one: the account has secrets, such as its password hash.
    const signedIn: SignedIn = {
      ...publicUser(user),
      authenticatedAt,
      userAgent: withinBytes(caller.userAgent, limits.userAgentBytes),
      ip: (caller.ip ?? '').slice(0, 45),
      ...(twoFactors ? { twoFactors } : this.rule.isDemandedOf(user) && { mustEnrol: true }),
    };
    // The session data of another user, such as the cart, is not kept. Who that is says the session: a guard of Passport's
    // may have put the new account at `request.user`.
    const former = signedInOf(session);
    const isKept = former === undefined || former.id === user.id;
    if (isKept) this.space.makeRoom(session, { passport: { user: signedIn } });
    await session.regenerate();
    const next = caller.session!;
    // Written once, with its user.
    Object.assign(next, isKept && { ...session }, { passport: { user: signedIn } });
    await next.bind({ userId: user.id, epoch, remember }).save();
    caller.user = signedIn;
  }

  /**
   * Ends the session everywhere and deletes our cookies, even if nobody is signed in. `pending` during an outage: the
   * browser is signed out, and the session ends when the store is back.
   */
  async signOut(caller: Caller): Promise<'ended' | 'pending'> {
    const { session } = caller;
    await session?.destroy();
    const pending = session?.info.endIsPending ?? false;
    if (caller.user) this.audit.note('logout', caller, {}, { pending });
    caller.user = undefined;
    const cookies = cookiesOf(this.config);
    caller.clearCookie(cookies.name('csrf'), cookies.attributes);
    caller.clearStorage();
    return pending ? 'pending' : 'ended';
  }
}
