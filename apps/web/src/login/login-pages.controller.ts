// The pages to sign in, to register and to sign out.
import { Body, Controller, Get, Post, Query, UseGuards } from '@nestjs/common';
import { Caller, CurrentCaller } from '../http/caller.js';
import { RegistrationService } from '../account/registration.service.js';
import { CurrentUser } from '../auth/current-user.js';
import { WithoutSecondFactor } from '../auth/enrolment.guard.js';
import { PasswordCheck } from '../auth/password-check.js';
import { SignInService } from '../auth/sign-in.service.js';
import type { SignedIn } from '../auth/signed-in.js';
import { SecondFactorService } from '../factors/second-factor.service.js';
import { EmailTakenError, InvalidCredentialsError, InvalidInputError, type AppError } from '../http/app.errors.js';
import { parsed } from '../http/validation.js';
import { FormGuard, ForVisitors } from '../pages/form.guard.js';
import { localPath } from '../pages/local-path.js';
import { refused, seeOther, shown, type Form, type PageAnswer, type Refused } from '../pages/page-answer.js';
import { Page } from '../pages/page.js';
import { countsOnce } from '../routes/counts-once.js';
import { Repeatable } from '../routes/decorators.js';
import { WorksInOutage } from '../session/outage.guard.js';
import { credentials, registration } from '../users/user.schemas.js';

@Controller()
export class LoginPagesController {
  constructor(
    private readonly passwords: PasswordCheck,
    private readonly factors: SecondFactorService,
    private readonly registrations: RegistrationService,
    private readonly signIns: SignInService,
  ) {}

  @Get('login')
  @Page('login/login', 'Sign in')
  @WithoutSecondFactor(true)
  loginForm(
    @CurrentUser() user?: SignedIn,
    @Query('returnTo') returnTo?: unknown,
    @Query('done') done?: unknown,
  ): PageAnswer {
    if (user) return seeOther(localPath(returnTo));
    const message = 'Your password has been changed. Please sign in with the new password.';
    return { form: {}, returnTo: localPath(returnTo), done: done === 'reset' ? message : undefined };
  }

  @Post('login')
  @Page('login/login', 'Sign in')
  @ForVisitors(true)
  @Repeatable({ because: countsOnce.session })
  @WithoutSecondFactor(true)
  @UseGuards(FormGuard)
  async login(@CurrentCaller() caller: Caller, @Body() form: Form = {}): Promise<PageAnswer> {
    const returnTo = localPath(form.returnTo);
    try {
      const given = parsed(credentials, form);
      const account = await this.passwords.accountOf(caller, given);
      if (await this.factors.begin(caller, account, given.remember, returnTo)) return seeOther('/login/second');
      await this.signIns.signIn(caller, account, given.remember);
    } catch (error) {
      if (!(error instanceof InvalidInputError || error instanceof InvalidCredentialsError)) throw error;
      return again(error, form, { returnTo });
    }
    return seeOther(returnTo);
  }

  @Get('register')
  @Page('login/register', 'Register')
  @WithoutSecondFactor(true)
  registerForm(@CurrentUser() user?: SignedIn): PageAnswer {
    return user ? seeOther('/account') : { form: {} };
  }

  @Post('register')
  @Page('login/register', 'Register')
  @ForVisitors(true)
  @Repeatable({ because: countsOnce.account })
  @WithoutSecondFactor(true)
  @UseGuards(FormGuard)
  async register(@CurrentCaller() caller: Caller, @Body() form: Form = {}): Promise<PageAnswer> {
    try {
      await this.registrations.register(caller, parsed(registration, form));
    } catch (error) {
      if (!(error instanceof InvalidInputError || error instanceof EmailTakenError)) throw error;
      return again(error, form);
    }
    return seeOther('/account');
  }

  @Post('logout')
  @Page('login/signed-out', 'Signed out in this browser')
  @Repeatable({ because: countsOnce.sameAgain })
  @UseGuards(FormGuard)
  @WorksInOutage(true)
  @WithoutSecondFactor(true)
  async logout(@CurrentCaller() caller: Caller): Promise<PageAnswer> {
    const logout = await this.signIns.signOut(caller);
    if (logout === 'ended') return seeOther('/');
    return shown('login/signed-out', { title: 'Signed out in this browser' }, 202);
  }
}

/** The form again, with the input (never the password) and its faults. */
function again(error: AppError, { email, name, remember }: Form, data: Form = {}): Refused {
  const text = (value: unknown) => (typeof value === 'string' ? value : '');
  const form = { email: text(email), name: text(name), remember: Boolean(remember) };
  return refused(error, { ...data, form });
}
