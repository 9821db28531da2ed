// The pages of links in mails. Each asks first: programs that scan e-mails follow links too. Its address holds a token, so no
// other site may get it as a referrer.
import { applyDecorators, Body, Controller, Get, Header, Post, Query, UseGuards } from '@nestjs/common';
import { Caller, CurrentCaller } from '../http/caller.js';
import { WithoutSecondFactor } from '../auth/enrolment.guard.js';
import { SecondFactorService } from '../factors/second-factor.service.js';
import { InvalidInputError, InvalidTokenError, NotSignedInError } from '../http/app.errors.js';
import { parsed } from '../http/validation.js';
import { FormGuard, ForVisitors } from '../pages/form.guard.js';
import { refused, seeOther, type Form, type PageAnswer } from '../pages/page-answer.js';
import { Page } from '../pages/page.js';
import { countsOnce } from '../routes/counts-once.js';
import { Repeatable } from '../routes/decorators.js';
import { confirmation, forgotten, reset } from './account.schemas.js';
import { AccountService } from './account.service.js';
import { inForm } from './in-form.js';
import { NotMeService } from './not-me.service.js';

/** A page whose address holds a token. */
const LinkPage = (view: string, title: string): MethodDecorator =>
  applyDecorators(Page(view, title), Header('Referrer-Policy', 'no-referrer'));

@Controller()
export class LinkPagesController {
  constructor(
    private readonly accounts: AccountService,
    private readonly factors: SecondFactorService,
    private readonly notMe: NotMeService,
  ) {}

  @Get('password/forgotten')
  @Page('account/forgotten', 'Forgot your password?')
  forgottenForm(@Query('done') done?: unknown): PageAnswer {
    return { form: {}, fields: {}, done: done !== undefined };
  }

  @Post('password/forgotten')
  @Page('account/forgotten', 'Forgot your password?')
  @ForVisitors(true)
  @Repeatable({ because: countsOnce.usedUp })
  @UseGuards(FormGuard)
  forgotten(@CurrentCaller() caller: Caller, @Body() form: Form = {}): Promise<PageAnswer> {
    return inForm(form, '/password/forgotten?done=mail', () =>
      this.accounts.forgotten(caller, parsed(forgotten, form).email),
    );
  }

  @Get('password/reset')
  @LinkPage('account/reset', 'Set a new password')
  async resetForm(@CurrentCaller() caller: Caller, @Query('token') token?: unknown): Promise<PageAnswer> {
    const isValidToken = await this.accounts.isValidToken(caller, 'reset-password', token);
    return { form: {}, fields: {}, token: isValidToken ? token : undefined };
  }

  @Post('password/reset')
  @LinkPage('account/reset', 'Set a new password')
  @ForVisitors(true)
  @Repeatable({ because: countsOnce.usedUp })
  @UseGuards(FormGuard)
  reset(@CurrentCaller() caller: Caller, @Body() form: Form = {}): Promise<PageAnswer> {
    const { token } = form;
    return inForm(form, '/login?done=reset', () => this.accounts.reset(caller, parsed(reset, form)), { token });
  }

  @Get('email/confirm')
  @LinkPage('account/confirm', 'Confirm your e-mail address')
  async confirmForm(
    @CurrentCaller() caller: Caller,
    @Query('token') token?: unknown,
    @Query('done') done?: unknown,
  ): Promise<PageAnswer> {
    const isValidToken = await this.accounts.isValidToken(caller, 'confirm', token);
    if (isValidToken && !caller.user) throw new NotSignedInError();
    return { done, token: isValidToken ? token : undefined };
  }

  @Post('email/confirm')
  @LinkPage('account/confirm', 'Confirm your e-mail address')
  @Repeatable({ because: countsOnce.usedUp })
  @UseGuards(FormGuard)
  async confirm(@CurrentCaller() caller: Caller, @Body() form: Form = {}): Promise<PageAnswer> {
    const { token } = form;
    // Through the page of the link, which knows the address to return to.
    if (!caller.user && typeof token === 'string') return seeOther(`/email/confirm?token=${encodeURIComponent(token)}`);
    const work = () => this.accounts.confirmEmail(caller, parsed(confirmation, form).token);
    return inForm(form, '/email/confirm?done=confirmed', work, { token });
  }

  @Get('login/unlock')
  @LinkPage('account/unlock', 'Accept codes again')
  @WithoutSecondFactor(true)
  unlockForm(
    @CurrentCaller() caller: Caller,
    @Query('token') token?: unknown,
    @Query('done') done?: unknown,
  ): Promise<PageAnswer> {
    return this.ask(caller, 'unlock-codes', token, done);
  }

  @Post('login/unlock')
  @LinkPage('account/unlock', 'Accept codes again')
  @ForVisitors(true)
  @Repeatable({ because: countsOnce.usedUp })
  @WithoutSecondFactor(true)
  @UseGuards(FormGuard)
  unlock(@CurrentCaller() caller: Caller, @Body() form: unknown): Promise<PageAnswer> {
    return act(form, '/login/unlock', (token) => this.factors.unlock(caller, token));
  }

  @Get('not-me')
  @LinkPage('account/not-me', 'This was not me')
  @WithoutSecondFactor(true)
  notMeForm(
    @CurrentCaller() caller: Caller,
    @Query('token') token?: unknown,
    @Query('done') done?: unknown,
  ): Promise<PageAnswer> {
    return this.ask(caller, 'not-me', token, done);
  }

  @Post('not-me')
  @LinkPage('account/not-me', 'This was not me')
  @ForVisitors(true)
  @Repeatable({ because: countsOnce.usedUp })
  @WithoutSecondFactor(true)
  @UseGuards(FormGuard)
  sayNotMe(@CurrentCaller() caller: Caller, @Body() form: unknown): Promise<PageAnswer> {
    return act(form, '/not-me', (token) => this.notMe.act(caller, token));
  }

  private async ask(
    caller: Caller,
    purpose: 'unlock-codes' | 'not-me',
    token: unknown,
    done: unknown,
  ): Promise<PageAnswer> {
    const isValid = await this.accounts.isValidToken(caller, purpose, token);
    return { token: isValid ? token : undefined, done: done !== undefined };
  }
}

async function act(form: unknown, path: string, work: (token: string) => Promise<void>): Promise<PageAnswer> {
  try {
    await work(parsed(confirmation, form).token);
  } catch (error) {
    if (!(error instanceof InvalidInputError || error instanceof InvalidTokenError)) throw error;
    return refused(error, {});
  }
  return seeOther(`${path}?done=on`);
}
