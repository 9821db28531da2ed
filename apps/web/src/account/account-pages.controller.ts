// The pages of one's account: what it is, and to change, export and delete it.
import { Body, Controller, Get, Header, Post, Query, Session, UseGuards } from '@nestjs/common';
import type { Session as RequestSession } from '@roam/session';
import type { SignedIn } from '../auth/signed-in.js';
import { CurrentUser } from '../auth/current-user.js';
import { Caller, CurrentCaller } from '../http/caller.js';
import { WithoutSecondFactor } from '../auth/enrolment.guard.js';
import { SignInService } from '../auth/sign-in.service.js';
import { SignedInGuard } from '../auth/signed-in.guard.js';
import { limits } from '../config/limits.js';
import { parsed } from '../http/validation.js';
import { FormGuard } from '../pages/form.guard.js';
import { localPath } from '../pages/local-path.js';
import { InNavigation, signedIn } from '../pages/navigation.js';
import type { Form, PageAnswer } from '../pages/page-answer.js';
import { Page } from '../pages/page.js';
import { countsOnce } from '../routes/counts-once.js';
import { Limits, Repeatable } from '../routes/decorators.js';
import { SessionsService } from '../devices/sessions.service.js';
import { AccountDataService, type DataExport } from './account-data.service.js';
import { deletion, emailChange, passwordChange, proof } from './account.schemas.js';
import { AccountService } from './account.service.js';
import { inForm, withCheckbox } from './in-form.js';
import { StepUpService } from './step-up.service.js';

/** The messages on the account's page after a redirect, by the value of `done`. */
const messages = new Map<unknown, string>([
  ['password', 'Your password has been changed.'],
  ['mail', 'We are sending you an e-mail. Please open the link in it.'],
]);
const empty = { form: {}, fields: {} };

@Controller('account')
@InNavigation({ label: 'Account', path: '/account', place: 30, isShownTo: signedIn })
export class AccountPagesController {
  constructor(
    private readonly accounts: AccountService,
    private readonly stepUp: StepUpService,
    private readonly accountData: AccountDataService,
    private readonly signIns: SignInService,
    private readonly sessions: SessionsService,
  ) {}

  @Get()
  @Page('account/account', 'Your account')
  @UseGuards(SignedInGuard)
  account(@Session() { info }: RequestSession, @Query('done') done?: unknown): PageAnswer {
    const { limitations } = this.sessions;
    return { info, limitations, done: messages.get(done) };
  }

  @Get('leave')
  @Page('account/leave', 'Your data and your account')
  @UseGuards(SignedInGuard)
  leaveForm(): PageAnswer {
    return empty;
  }

  @Post('leave')
  @Page('account/leave', 'Your data and your account')
  @Limits({ time: limits.leaveMs })
  @Repeatable({ because: countsOnce.sameAgain })
  @UseGuards(FormGuard, SignedInGuard)
  leave(@CurrentCaller() caller: Caller, @Body() form: Form = {}): Promise<PageAnswer> {
    return inForm(form, '/', async () => {
      await this.accountData.delete(caller, parsed(deletion, form).currentPassword);
      await this.signIns.signOut(caller);
    });
  }

  @Get('export')
  @Limits({ time: limits.exportMs })
  @UseGuards(SignedInGuard)
  @Header('Cache-Control', 'no-store')
  @Header('Content-Disposition', 'attachment; filename="account.json"')
  export(@CurrentCaller() caller: Caller): Promise<DataExport> {
    return this.accountData.export(caller);
  }

  @Get('confirm')
  @Page('account/step-up', 'Confirm your identity')
  @WithoutSecondFactor(true)
  @UseGuards(SignedInGuard)
  async stepUpForm(@CurrentUser() user: SignedIn, @Query('returnTo') returnTo?: unknown): Promise<PageAnswer> {
    return { ...empty, asks: await this.stepUp.asks(user), returnTo: localPath(returnTo) };
  }

  @Post('confirm')
  @Page('account/step-up', 'Confirm your identity')
  @Repeatable({ because: countsOnce.usedUp })
  @WithoutSecondFactor(true)
  @UseGuards(FormGuard, SignedInGuard)
  async confirmIdentity(@CurrentCaller() caller: Caller, @Body() form: Form = {}): Promise<PageAnswer> {
    const returnTo = localPath(form.returnTo);
    const asks = await this.stepUp.asks(caller.user!);
    return inForm(form, returnTo, () => this.stepUp.prove(caller, parsed(proof, form)), { asks, returnTo });
  }

  @Get('password')
  @Page('account/password', 'Change your password')
  @UseGuards(SignedInGuard)
  passwordForm(): PageAnswer {
    return empty;
  }

  @Post('password')
  @Page('account/password', 'Change your password')
  @Repeatable({ because: countsOnce.sameAgain })
  @UseGuards(FormGuard, SignedInGuard)
  changePassword(@CurrentCaller() caller: Caller, @Body() form: Form = {}): Promise<PageAnswer> {
    return inForm(form, '/account?done=password', () =>
      this.accounts.changePassword(caller, parsed(passwordChange, withCheckbox(form))),
    );
  }

  @Get('email')
  @Page('account/email', 'Change your e-mail address')
  @UseGuards(SignedInGuard)
  async emailForm(@CurrentUser() user: SignedIn): Promise<PageAnswer> {
    return { ...empty, verified: await this.isVerified(user) };
  }

  @Post('email')
  @Page('account/email', 'Change your e-mail address')
  @Repeatable({ because: countsOnce.usedUp })
  @UseGuards(FormGuard, SignedInGuard)
  async changeEmail(@CurrentCaller() caller: Caller, @Body() form: Form = {}): Promise<PageAnswer> {
    const verified = await this.isVerified(caller.user!);
    const work = () =>
      form.again === undefined
        ? this.accounts.changeEmail(caller, parsed(emailChange, withCheckbox(form)))
        : this.accounts.sendVerification(caller);
    return inForm(form, '/account?done=mail', work, { verified });
  }

  private async isVerified(user: SignedIn): Promise<boolean> {
    return (await this.accounts.current(user)).emailVerifiedAt !== null;
  }
}
