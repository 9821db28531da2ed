// /api: registration, sign-in, sign-out, and the signed-in user.
import { Body, Controller, Get, HttpCode, Post, Res, Session, UseGuards } from '@nestjs/common';
import type { Session as RequestSession } from '@roam/session';
import type { Response } from 'express';
import { Caller, CurrentCaller } from '../http/caller.js';
import { RegistrationService } from '../account/registration.service.js';
import { Config } from '../config/config.js';
import { SecondFactorService } from '../factors/second-factor.service.js';
import {
  AccountDeactivatedError,
  EmailTakenError,
  InvalidCredentialsError,
  PasskeyRequiredError,
  SecondFactorRequiredError,
  TooManyAttemptsError,
} from '../http/app.errors.js';
import { Describe } from '../http/describe.js';
import { countsOnce } from '../routes/counts-once.js';
import { Repeatable } from '../routes/decorators.js';
import { WorksInOutage } from '../session/outage.guard.js';
import { publicUser, type PublicUser } from '../users/user.entity.js';
import { credentials, registration, type Credentials, type Registration } from '../users/user.schemas.js';
import { WithoutSecondFactor } from '../auth/enrolment.guard.js';
import { PasswordCheck } from '../auth/password-check.js';
import { CurrentUser } from '../auth/current-user.js';
import { SignInService } from '../auth/sign-in.service.js';
import type { SignedIn } from '../auth/signed-in.js';
import { SignedInGuard } from '../auth/signed-in.guard.js';

@Controller('api')
export class LoginController {
  constructor(
    private readonly config: Config,
    private readonly passwords: PasswordCheck,
    private readonly factors: SecondFactorService,
    private readonly registrations: RegistrationService,
    private readonly signIns: SignInService,
  ) {}

  @Post('register')
  @Describe('Creates an account and signs in', 'The user', [EmailTakenError, TooManyAttemptsError])
  @Repeatable({ because: countsOnce.account })
  @WithoutSecondFactor(true)
  async register(
    @Body({ schema: registration }) input: Registration,
    @CurrentCaller() caller: Caller,
  ): Promise<{ user: PublicUser }> {
    const user = await this.registrations.register(caller, input);
    return { user: publicUser(user) };
  }

  @Post('login')
  @Describe('Signs in; with two-step verification, this is the first step', 'The user', [
    InvalidCredentialsError,
    SecondFactorRequiredError,
    PasskeyRequiredError,
    AccountDeactivatedError,
    TooManyAttemptsError,
  ])
  @Repeatable({ because: countsOnce.session })
  @WithoutSecondFactor(true)
  @HttpCode(200)
  async login(
    @Body({ schema: credentials }) given: Credentials,
    @CurrentCaller() caller: Caller,
  ): Promise<{ user: PublicUser }> {
    const account = await this.passwords.accountOf(caller, given);
    if (await this.factors.begin(caller, account, given.remember)) throw new SecondFactorRequiredError();
    await this.signIns.signIn(caller, account, given.remember);
    return { user: publicUser(account.user) };
  }

  /** 204 when the session has ended on every server; 202 during an outage: this server ends it later. */
  @Post('logout')
  @Describe('Signs out', {
    204: 'The session has ended on every server',
    202: 'Signed out in this browser; the session ends when its store is back',
  })
  @Repeatable({ because: countsOnce.sameAgain })
  @WorksInOutage(true)
  @WithoutSecondFactor(true)
  async logout(
    @CurrentCaller() caller: Caller,
    @Res({ passthrough: true }) response: Response,
  ): Promise<{ logout: 'pending' } | undefined> {
    const logout = await this.signIns.signOut(caller);
    response.status(logout === 'ended' ? 204 : 202);
    return logout === 'ended' ? undefined : { logout };
  }

  @Get('me')
  @Describe('The signed-in user, the web server and the limits of the session', 'The user, the server and the session')
  @UseGuards(SignedInGuard)
  me(@CurrentUser() user: SignedIn, @Session() { info }: RequestSession): object {
    return { user: publicUser(user), server: this.config.server.name, session: info };
  }
}
