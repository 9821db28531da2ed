// Starts and ends signed-in sessions, by Passport's login sessions.
import { Injectable } from '@nestjs/common';
import { UserSessions } from '@roam/session/nest';
import type { Request, Response } from 'express';
import passport from 'passport';
import { NoticesService } from '../account/notices.service.js';
import { AuditService } from '../audit/audit.service.js';
import { Config } from '../config/config.js';
import { AccountDeactivatedError } from '../http/app.errors.js';
import { cookiesOf } from '../http/cookies.js';
import { limits } from '../config/limits.js';
import { SessionSpace } from '../session/session-space.js';
import { hasSecrets, publicUser } from '../users/user.entity.js';
import type { Account } from './account.js';
import { KnownDevices } from './known-devices.js';
import { SecondFactorRule } from './second-factor-rule.js';
import { signedInOf, type SignedIn } from './signed-in.js';
import { withinBytes } from './within-bytes.js';

/** The argument of `request.logIn`: the session keeps all fields but the last two. */
interface SignIn extends SignedIn {
  readonly epoch: number;
  readonly remember: boolean;
}

/** The proof of identity. */
export type SignInBy = 'registration' | 'password' | 'password and code' | 'passkey';

const withTwoFactors: ReadonlySet<SignInBy> = new Set(['password and code', 'passkey']);

/** A mistake of the app's code. */
class UnprovedSignInError extends Error {
  constructor() {
    super(
      'request.logIn was given an account without a proof of identity (its epoch and time), which no session may hold: ' +
        'sign in by SignInService.signIn(request, account, remember) instead.',
    );
  }
}

@Injectable()
export class SignInService {
  constructor(
    private readonly config: Config,
    private readonly sessions: UserSessions,
    private readonly devices: KnownDevices,
    private readonly notices: NoticesService,
    private readonly audit: AuditService,
    private readonly rule: SecondFactorRule,
    private readonly space: SessionSpace,
  ) {
    // Between Passport's `regenerate` and `save`, so that the new session is written once, with its user.
    passport.serializeUser<SignIn, Request>((request: Request, user: Express.User, done) => {
      const { epoch, remember, authenticatedAt, userAgent, ip, twoFactors, mustEnrol } = user as SignIn;
      // As `super.logIn` of a guard hands over what a strategy has returned: nothing says when it was proved.
      if (!Number.isFinite(authenticatedAt) || !Number.isInteger(epoch)) return done(new UnprovedSignInError());
      request.session!.bind({ userId: user.id, epoch, remember });
      // Named one by one: a strategy may hand over the whole account, with its password hash.
      const rules = { ...(twoFactors && { twoFactors }), ...(mustEnrol && { mustEnrol }) };
      const signedIn = { ...publicUser(user), authenticatedAt, userAgent, ip, ...rules };
      done(null, signedIn as SignIn);
    });
    // Without a look-up, which would be a second read in every request. The user's data changes with a new session
    // only.
    passport.deserializeUser<SignedIn>((signedIn, done) => done(null, signedIn));
  }

  /**
   * Signs the account in with a new token, and keeps the visitor's session data (the cart).
   * @throws {AccountDeactivatedError}
   */
  async signIn(request: Request, account: Account, remember: boolean, by: SignInBy = 'password'): Promise<void> {
    if (account.user.deactivatedAt) throw new AccountDeactivatedError().concerning({ userId: account.user.id });
    await this.begin(request, account, { authenticatedAt: Date.now(), remember, twoFactors: withTwoFactors.has(by) });
    this.audit.note('login', request, {}, { remember, by });
    if (!hasSecrets(account.user)) return;
    const isKnown = this.devices.remember(request, request.res!, account.user);
    if (!isKnown && by !== 'registration') this.notices.newDevice(request, account.user);
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
    request: Request,
    { user, epoch = 0 }: Pick<Account, 'user'> & Partial<Account>,
    { proved = false, twoFactors = request.user!.twoFactors === true } = {},
  ): Promise<void> {
    if (user.deactivatedAt) throw new AccountDeactivatedError();
    const bound = this.sessions.boundEpoch(request.session!);
    const account = { user, epoch: proved ? Math.max(epoch, bound) : bound };
    await this.begin(request, account, {
      authenticatedAt: proved ? Date.now() : request.user!.authenticatedAt,
      remember: request.session!.info.remember,
      twoFactors,
    });
  }

  private async begin(
    request: Request,
    { user, epoch }: Account,
    { authenticatedAt, remember, twoFactors }: { authenticatedAt: number; remember: boolean; twoFactors: boolean },
  ): Promise<void> {
    const signIn: SignIn = {
      ...publicUser(user),
      authenticatedAt,
      userAgent: withinBytes(request.get('user-agent') ?? '', limits.userAgentBytes),
      ip: (request.ip ?? '').slice(0, 45),
      ...(twoFactors ? { twoFactors } : this.rule.isDemandedOf(user) && { mustEnrol: true }),
      epoch,
      remember,
    };
    // The session data of another user, such as the cart, is not kept. Who that is says the session: a guard of Passport's
    // may have put the new account at `request.user`.
    const former = signedInOf(request.session!);
    const keepSessionInfo = former === undefined || former.id === user.id;
    if (keepSessionInfo) this.space.makeRoom(request.session!, { passport: { user: signIn } });
    await new Promise<void>((resolve, reject) => {
      const done = (error: Error | null) => (error ? reject(error) : resolve());
      request.logIn(signIn, { keepSessionInfo, session: true }, done);
    });
  }

  /**
   * Ends the session everywhere and deletes our cookies, even if nobody is signed in. `pending` during an outage: the
   * browser is signed out, and the session ends when the store is back.
   */
  async signOut(request: Request, response: Response): Promise<'ended' | 'pending'> {
    const { session } = request;
    await session?.destroy();
    const pending = session?.info.endIsPending ?? false;
    if (request.user) this.audit.note('logout', request, {}, { pending });
    request.user = undefined;
    const cookies = cookiesOf(this.config);
    response.clearCookie(cookies.name('csrf'), cookies.attributes);
    // Not "cookies": that would also delete the cookies of other apps on this host.
    response.setHeader('Clear-Site-Data', '"storage"');
    return pending ? 'pending' : 'ended';
  }
}
