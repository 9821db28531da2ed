// The pages of one's account: what it is, and to change, export and delete it.
import { Body, Controller, Get, Header, Post, Query, Req, Res, Session, UseGuards } from '@nestjs/common';
import type { Session as RequestSession } from '@roam/session';
import type { Request, Response } from 'express';
import { WithoutSecondFactor } from '../auth/enrolment.guard.js';
import { SignInService } from '../auth/sign-in.service.js';
import { SignedInGuard } from '../auth/signed-in.guard.js';
import { limits } from '../config/limits.js';
import { parsed } from '../http/validation.js';
import { FormGuard } from '../pages/form.guard.js';
import { localPath } from '../pages/local-path.js';
import { InNavigation, signedIn } from '../pages/navigation.js';
import type { PageAnswer } from '../pages/page-answer.js';
import { Page } from '../pages/page.js';
import { countsOnce } from '../routes/counts-once.js';
import { Limits, Repeatable } from '../routes/decorators.js';
import { SessionsService } from '../devices/sessions.service.js';
import { AccountDataService, type DataExport } from './account-data.service.js';
import { deletion, emailChange, passwordChange, proof } from './account.schemas.js';
import { AccountService } from './account.service.js';
import { inForm, withCheckbox, type Form } from './in-form.js';
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
  leave(
    @Req() request: Request,
    @Res({ passthrough: true }) response: Response,
    @Body() form: Form = {},
  ): Promise<PageAnswer> {
    return inForm(form, '/', async () => {
      await this.accountData.delete(request, parsed(deletion, form).currentPassword);
      await this.signIns.signOut(request, response);
    });
  }

  @Get('export')
  @Limits({ time: limits.exportMs })
  @UseGuards(SignedInGuard)
  @Header('Cache-Control', 'no-store')
  @Header('Content-Disposition', 'attachment; filename="account.json"')
  export(@Req() request: Request): Promise<DataExport> {
    return this.accountData.export(request);
  }

  @Get('confirm')
  @Page('account/step-up', 'Confirm your identity')
  @WithoutSecondFactor(true)
  @UseGuards(SignedInGuard)
  async stepUpForm(@Req() request: Request, @Query('returnTo') returnTo?: unknown): Promise<PageAnswer> {
    return { ...empty, asks: await this.stepUp.asks(request), returnTo: localPath(returnTo) };
  }

  @Post('confirm')
  @Page('account/step-up', 'Confirm your identity')
  @Repeatable({ because: countsOnce.usedUp })
  @WithoutSecondFactor(true)
  @UseGuards(FormGuard, SignedInGuard)
  async confirmIdentity(@Req() request: Request, @Body() form: Form = {}): Promise<PageAnswer> {
    const returnTo = localPath(form.returnTo);
    const asks = await this.stepUp.asks(request);
    return inForm(form, returnTo, () => this.stepUp.prove(request, parsed(proof, form)), { asks, returnTo });
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
  changePassword(@Req() request: Request, @Body() form: Form = {}): Promise<PageAnswer> {
    return inForm(form, '/account?done=password', () =>
      this.accounts.changePassword(request, parsed(passwordChange, withCheckbox(form))),
    );
  }

  @Get('email')
  @Page('account/email', 'Change your e-mail address')
  @UseGuards(SignedInGuard)
  async emailForm(@Req() request: Request): Promise<PageAnswer> {
    return { ...empty, verified: await this.isVerified(request) };
  }

  @Post('email')
  @Page('account/email', 'Change your e-mail address')
  @Repeatable({ because: countsOnce.usedUp })
  @UseGuards(FormGuard, SignedInGuard)
  async changeEmail(@Req() request: Request, @Body() form: Form = {}): Promise<PageAnswer> {
    const verified = await this.isVerified(request);
    const work = () =>
      form.again === undefined
        ? this.accounts.changeEmail(request, parsed(emailChange, withCheckbox(form)))
        : this.accounts.sendVerification(request);
    return inForm(form, '/account?done=mail', work, { verified });
  }

  private async isVerified(request: Request): Promise<boolean> {
    return (await this.accounts.current(request)).emailVerifiedAt !== null;
  }
}
