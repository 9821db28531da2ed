// /api/factors: the second factor of the signed-in user; and the second step of signing in.
import { Body, Controller, Delete, Get, HttpCode, Post, Session, UseGuards } from '@nestjs/common';
import type { Session as RequestSession } from '@roam/session';
import type { SignedIn } from '../auth/signed-in.js';
import { CurrentUser } from '../auth/current-user.js';
import { Caller, CurrentCaller } from '../http/caller.js';
import { confirmation, type Confirmation } from '../account/account.schemas.js';
import { WithoutSecondFactor } from '../auth/enrolment.guard.js';
import { SignedInGuard } from '../auth/signed-in.guard.js';
import {
  AccountDeactivatedError,
  InvalidTokenError,
  LoginExpiredError,
  PasskeyRequiredError,
  ReauthenticationRequiredError,
  SecondFactorMissingError,
  TooManyAttemptsError,
} from '../http/app.errors.js';
import { Describe } from '../http/describe.js';
import { CodesRefusedError } from '../http/refused.errors.js';
import { countsOnce } from '../routes/counts-once.js';
import { Repeatable } from '../routes/decorators.js';
import { publicUser, type PublicUser } from '../users/user.entity.js';
import { codeInput, passwordInput, type CodeInput, type PasswordInput } from './factors.schemas.js';
import { SecondFactorService, type Enrolment } from './second-factor.service.js';

@Controller('api')
export class FactorsController {
  constructor(private readonly factors: SecondFactorService) {}

  @Post('login/second')
  @Describe('Second step of signing in: a code from the authenticator app, or a recovery code', 'The user', [
    LoginExpiredError,
    CodesRefusedError,
    AccountDeactivatedError,
    TooManyAttemptsError,
  ])
  @Repeatable({ because: countsOnce.usedUp })
  @WithoutSecondFactor(true)
  @HttpCode(200)
  async complete(
    @Body({ schema: codeInput }) { code }: CodeInput,
    @CurrentCaller() caller: Caller,
  ): Promise<{ user: PublicUser }> {
    return { user: publicUser((await this.factors.complete(caller, code)).user) };
  }

  @Post('login/unlock')
  @Describe(
    'Accepts codes of the authenticator app again, after too many wrong ones, with the token of the e-mail',
    'Codes are accepted',
    [InvalidTokenError],
  )
  @Repeatable({ because: countsOnce.usedUp })
  @WithoutSecondFactor(true)
  @HttpCode(204)
  unlock(@Body({ schema: confirmation }) { token }: Confirmation, @CurrentCaller() caller: Caller): Promise<void> {
    return this.factors.unlock(caller, token);
  }

  @Get('factors')
  @Describe('Whether two-step verification is on, and how many recovery codes are left', 'The factors')
  @WithoutSecondFactor(true)
  @UseGuards(SignedInGuard)
  async list(
    @CurrentUser() user: SignedIn,
    @Session() session: RequestSession,
  ): Promise<{ totp: boolean; recoveryCodes: number }> {
    const { since, recoveryCodes } = await this.factors.state(user, session);
    return { totp: since !== null, recoveryCodes };
  }

  @Post('factors/totp')
  @Describe('Creates the secret for an authenticator app', 'The secret, also as an otpauth: URI', [
    PasskeyRequiredError,
    TooManyAttemptsError,
  ])
  @Repeatable({ because: countsOnce.session })
  @WithoutSecondFactor(true)
  @UseGuards(SignedInGuard)
  enrol(@Body({ schema: passwordInput }) input: PasswordInput, @CurrentCaller() caller: Caller): Promise<Enrolment> {
    return this.factors.enrol(caller, input.currentPassword);
  }

  @Post('factors/totp/confirm')
  @Describe(
    'Turns on two-step verification with a code from the app; ends all other sessions',
    'The recovery codes, shown once',
    [ReauthenticationRequiredError, PasskeyRequiredError, TooManyAttemptsError],
  )
  @Repeatable({ because: countsOnce.usedUp })
  @WithoutSecondFactor(true)
  @HttpCode(200)
  @UseGuards(SignedInGuard)
  async confirm(
    @Body({ schema: codeInput }) { code }: CodeInput,
    @CurrentCaller() caller: Caller,
  ): Promise<{ recoveryCodes: string[] }> {
    return { recoveryCodes: await this.factors.confirm(caller, code) };
  }

  @Delete('factors/totp')
  @Describe('Turns off two-step verification; ends all other sessions', 'Turned off', [
    ReauthenticationRequiredError,
    SecondFactorMissingError,
    TooManyAttemptsError,
  ])
  @Repeatable({ because: countsOnce.sameAgain })
  @HttpCode(204)
  @UseGuards(SignedInGuard)
  remove(@Body({ schema: passwordInput }) input: PasswordInput, @CurrentCaller() caller: Caller): Promise<void> {
    return this.factors.remove(caller, input.currentPassword);
  }
}
