// The pages of links in mails that protect an account. Each asks first: programs that scan e-mails follow links too.
import { Controller, Get, Post, Query, Req, Res, UseGuards } from '@nestjs/common';
import type { Request, Response } from 'express';
import { confirmation } from '../account/account.schemas.js';
import { AccountService } from '../account/account.service.js';
import { NotMeService } from '../account/not-me.service.js';
import { WithoutSecondFactor } from '../auth/enrolment.guard.js';
import { SecondFactorService } from '../factors/second-factor.service.js';
import { InvalidInputError, InvalidTokenError } from '../http/app.errors.js';
import { parsed } from '../http/validation.js';
import { countsOnce } from '../routes/counts-once.js';
import { Repeatable } from '../routes/decorators.js';
import { FormGuard, ForVisitors } from './form.guard.js';
import { PageResponder } from './page-responder.js';

/** What each link is for: its view and its title. */
const pages = {
  'unlock-codes': { view: 'unlock', title: 'Accept codes again' },
  'not-me': { view: 'not-me', title: 'This was not me' },
} as const;
type Purpose = keyof typeof pages;

@Controller()
export class LinkPagesController {
  constructor(
    private readonly pages: PageResponder,
    private readonly accounts: AccountService,
    private readonly factors: SecondFactorService,
    private readonly notMe: NotMeService,
  ) {}

  @Get('login/unlock')
  @WithoutSecondFactor(true)
  unlockForm(@Req() request: Request, @Res() response: Response, @Query('token') token?: unknown): Promise<void> {
    return this.ask(request, response, 'unlock-codes', token);
  }

  @Post('login/unlock')
  @ForVisitors(true)
  @Repeatable({ because: countsOnce.usedUp })
  @WithoutSecondFactor(true)
  @UseGuards(FormGuard)
  unlock(@Req() request: Request, @Res() response: Response): Promise<void> {
    return this.act(request, response, 'unlock-codes', (token) => this.factors.unlock(request, token));
  }

  @Get('not-me')
  @WithoutSecondFactor(true)
  notMeForm(@Req() request: Request, @Res() response: Response, @Query('token') token?: unknown): Promise<void> {
    return this.ask(request, response, 'not-me', token);
  }

  @Post('not-me')
  @ForVisitors(true)
  @Repeatable({ because: countsOnce.usedUp })
  @WithoutSecondFactor(true)
  @UseGuards(FormGuard)
  sayNotMe(@Req() request: Request, @Res() response: Response): Promise<void> {
    return this.act(request, response, 'not-me', (token) => this.notMe.act(request, token));
  }

  private async ask(request: Request, response: Response, purpose: Purpose, token: unknown): Promise<void> {
    const isValid = await this.accounts.isValidToken(request, purpose, token);
    const { view, title } = pages[purpose];
    const done = request.query.done !== undefined;
    this.pages.show(request, withSecret(response), view, { title, token: isValid ? token : undefined, done });
  }

  private async act(
    request: Request,
    response: Response,
    purpose: Purpose,
    work: (token: string) => Promise<void>,
  ): Promise<void> {
    try {
      await work(parsed(confirmation, request.body).token);
    } catch (error) {
      if (!(error instanceof InvalidInputError || error instanceof InvalidTokenError)) throw error;
      const { view, title } = pages[purpose];
      return this.pages.refuse(request, withSecret(response), view, { title }, error);
    }
    this.pages.seeOther(request, response, `${request.path}?done=on`);
  }
}

/** The address of the page holds a token, so no other site may get it as a referrer. */
function withSecret(response: Response): Response {
  return response.set('Referrer-Policy', 'no-referrer');
}
