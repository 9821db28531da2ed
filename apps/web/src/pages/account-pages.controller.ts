// The pages to change an account: password, e-mail address, and the targets of links in e-mails.
import { Controller, Get, Post, Query, Req, Res, UseGuards } from '@nestjs/common';
import type { Request, Response } from 'express';
import {
  confirmation,
  deletion,
  emailChange,
  forgotten,
  passwordChange,
  proof,
  reset,
} from '../account/account.schemas.js';
import { AccountService } from '../account/account.service.js';
import { AccountDataService } from '../account/account-data.service.js';
import { StepUpService } from '../account/step-up.service.js';
import { WithoutSecondFactor } from '../auth/enrolment.guard.js';
import { SignInService } from '../auth/sign-in.service.js';
import { limits } from '../config/limits.js';
import { AppError, InvalidInputError, ReauthenticationRequiredError } from '../http/app.errors.js';
import { parsed } from '../http/validation.js';
import { countsOnce } from '../routes/counts-once.js';
import { Limits, Repeatable } from '../routes/decorators.js';
import { FormGuard, ForVisitors } from './form.guard.js';
import { localPath } from './local-path.js';
import { PageResponder } from './page-responder.js';

type Form = Readonly<Record<string, unknown>>;

@Controller()
export class AccountPagesController {
  constructor(
    private readonly pages: PageResponder,
    private readonly accounts: AccountService,
    private readonly stepUp: StepUpService,
    private readonly accountData: AccountDataService,
    private readonly signIns: SignInService,
  ) {}

  @Get('account/leave')
  leaveForm(@Req() request: Request, @Res() response: Response): void {
    if (!request.user) return this.pages.toLogin(request, response);
    this.show(request, response, 'leave', 'Your data and your account');
  }

  @Post('account/leave')
  @Repeatable({ because: countsOnce.sameAgain })
  @UseGuards(FormGuard)
  async leave(@Req() request: Request, @Res() response: Response): Promise<void> {
    if (!request.user) return this.pages.toLogin(request, response);
    await this.act(request, response, 'leave', 'Your data and your account', '/', async (form) => {
      await this.accountData.delete(request, parsed(deletion, form).currentPassword);
      await this.signIns.signOut(request, response);
    });
  }

  @Get('account/export')
  @Limits({ time: limits.exportMs })
  async export(@Req() request: Request, @Res() response: Response): Promise<void> {
    if (!request.user) return this.pages.toLogin(request, response);
    const data = await this.accountData.export(request);
    response
      .set({ 'Cache-Control': 'no-store', 'Content-Disposition': 'attachment; filename="account.json"' })
      .json(data);
  }

  @Get('account/confirm')
  @WithoutSecondFactor(true)
  async stepUpForm(
    @Req() request: Request,
    @Res() response: Response,
    @Query('returnTo') returnTo?: unknown,
  ): Promise<void> {
    if (!request.user) return this.pages.toLogin(request, response);
    const asks = await this.stepUp.asks(request);
    this.show(request, response, 'step-up', 'Confirm your identity', { asks, returnTo: localPath(returnTo) });
  }

  @Post('account/confirm')
  @Repeatable({ because: countsOnce.usedUp })
  @WithoutSecondFactor(true)
  @UseGuards(FormGuard)
  async confirmIdentity(@Req() request: Request, @Res() response: Response): Promise<void> {
    if (!request.user) return this.pages.toLogin(request, response);
    const returnTo = localPath((request.body as Form).returnTo);
    const asks = await this.stepUp.asks(request);
    const work = (form: Form) => this.stepUp.prove(request, parsed(proof, form));
    await this.act(request, response, 'step-up', 'Confirm your identity', returnTo, work, { asks, returnTo });
  }

  @Get('account/password')
  passwordForm(@Req() request: Request, @Res() response: Response): void {
    if (!request.user) return this.pages.toLogin(request, response);
    this.show(request, response, 'password', 'Change your password');
  }

  @Post('account/password')
  @Repeatable({ because: countsOnce.sameAgain })
  @UseGuards(FormGuard)
  async changePassword(@Req() request: Request, @Res() response: Response): Promise<void> {
    if (!request.user) return this.pages.toLogin(request, response);
    await this.act(request, response, 'password', 'Change your password', '/account?done=password', (form) =>
      this.accounts.changePassword(request, parsed(passwordChange, withCheckbox(form))),
    );
  }

  @Get('account/email')
  async emailForm(@Req() request: Request, @Res() response: Response): Promise<void> {
    if (!request.user) return this.pages.toLogin(request, response);
    const { emailVerifiedAt } = await this.accounts.current(request);
    this.show(request, response, 'email', 'Change your e-mail address', { verified: emailVerifiedAt !== null });
  }

  @Post('account/email')
  @Repeatable({ because: countsOnce.usedUp })
  @UseGuards(FormGuard)
  async changeEmail(@Req() request: Request, @Res() response: Response): Promise<void> {
    if (!request.user) return this.pages.toLogin(request, response);
    const { again } = (request.body ?? {}) as Form;
    const verified = (await this.accounts.current(request)).emailVerifiedAt !== null;
    await this.act(
      request,
      response,
      'email',
      'Change your e-mail address',
      '/account?done=mail',
      (form) =>
        again === undefined
          ? this.accounts.changeEmail(request, parsed(emailChange, withCheckbox(form)))
          : this.accounts.sendVerification(request),
      { verified },
    );
  }

  @Get('password/forgotten')
  forgottenForm(@Req() request: Request, @Res() response: Response, @Query('done') done?: unknown): void {
    this.show(request, response, 'forgotten', 'Forgot your password?', { done: done !== undefined });
  }

  @Post('password/forgotten')
  @ForVisitors(true)
  @Repeatable({ because: countsOnce.usedUp })
  @UseGuards(FormGuard)
  async forgotten(@Req() request: Request, @Res() response: Response): Promise<void> {
    const title = 'Forgot your password?';
    await this.act(request, response, 'forgotten', title, '/password/forgotten?done=mail', (form) =>
      this.accounts.forgotten(request, parsed(forgotten, form).email),
    );
  }

  @Get('password/reset')
  async resetForm(@Req() request: Request, @Res() response: Response, @Query('token') token?: unknown): Promise<void> {
    const isValidToken = await this.accounts.isValidToken(request, 'reset-password', token);
    this.show(request, withSecret(response), 'reset', 'Set a new password', {
      token: isValidToken ? token : undefined,
    });
  }

  @Post('password/reset')
  @ForVisitors(true)
  @Repeatable({ because: countsOnce.usedUp })
  @UseGuards(FormGuard)
  async reset(@Req() request: Request, @Res() response: Response): Promise<void> {
    const { token } = (request.body ?? {}) as Form;
    await this.act(
      request,
      withSecret(response),
      'reset',
      'Set a new password',
      '/login?done=reset',
      (form) => this.accounts.reset(request, parsed(reset, form)),
      { token },
    );
  }

  @Get('email/confirm')
  async confirmForm(
    @Req() request: Request,
    @Res() response: Response,
    @Query('token') token?: unknown,
  ): Promise<void> {
    // Confirmed by the button only: programs that scan e-mails follow links too.
    const isValidToken = await this.accounts.isValidToken(request, 'confirm', token);
    if (isValidToken && !request.user) return this.pages.toLogin(request, response);
    this.show(request, withSecret(response), 'confirm', 'Confirm your e-mail address', {
      token: isValidToken ? token : undefined,
    });
  }

  @Post('email/confirm')
  @Repeatable({ because: countsOnce.usedUp })
  @UseGuards(FormGuard)
  async confirm(@Req() request: Request, @Res() response: Response): Promise<void> {
    const { token } = (request.body ?? {}) as Form;
    // Through the page of the link, which knows the address to return to.
    if (!request.user && typeof token === 'string')
      return this.pages.seeOther(request, response, `/email/confirm?token=${encodeURIComponent(token)}`);
    await this.act(
      request,
      withSecret(response),
      'confirm',
      'Confirm your e-mail address',
      '/email/confirm?done=confirmed',
      (form) => this.accounts.confirmEmail(request, parsed(confirmation, form).token),
      { token },
    );
  }

  /** Runs the work of a form and redirects to `next`; faults are shown in the form. */
  private async act(
    request: Request,
    response: Response,
    view: string,
    title: string,
    next: string,
    work: (form: Form) => Promise<void>,
    data: Record<string, unknown> = {},
  ): Promise<void> {
    const form = (request.body ?? {}) as Form;
    try {
      await work(form);
    } catch (error) {
      if (!(error instanceof AppError) || error.status >= 500 || error.status === 429) throw error;
      if (error instanceof ReauthenticationRequiredError) throw error;
      const fields = error instanceof InvalidInputError ? error.fields : {};
      const typed = { email: typeof form.email === 'string' ? form.email : '' };
      const { done } = request.query;
      return this.pages.refuse(request, response, view, { title, done, ...data, form: typed, fields, error }, error);
    }
    this.pages.seeOther(request, response, next);
  }

  private show(
    request: Request,
    response: Response,
    view: string,
    title: string,
    data: Record<string, unknown> = {},
  ): void {
    const { done } = request.query;
    this.pages.show(request, response, view, { title, form: {}, fields: {}, done, ...data });
  }
}

/** An unchecked checkbox sends nothing. */
function withCheckbox(form: Form): Form {
  return { ...form, endOtherSessions: form.endOtherSessions === 'on' };
}

/** The address of this page holds a token, so no other site may get it as a referrer. */
function withSecret(response: Response): Response {
  return response.set('Referrer-Policy', 'no-referrer');
}
