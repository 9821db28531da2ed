// The pages of the second factor: the second step of signing in, and turning it on and off.
import { Body, Controller, Get, Post, Req, UseGuards } from '@nestjs/common';
import type { Request } from 'express';
import { renderSVG } from 'uqr';
import { WithoutSecondFactor } from '../auth/enrolment.guard.js';
import { SignedInGuard } from '../auth/signed-in.guard.js';
import { InvalidInputError } from '../http/app.errors.js';
import { CodesRefusedError } from '../http/refused.errors.js';
import { parsed } from '../http/validation.js';
import { FormGuard, ForVisitors } from '../pages/form.guard.js';
import { refused, seeOther, shown, type PageAnswer, type PageData } from '../pages/page-answer.js';
import { Page } from '../pages/page.js';
import { countsOnce } from '../routes/counts-once.js';
import { Repeatable } from '../routes/decorators.js';
import { codeInput, passwordInput } from './factors.schemas.js';
import { SecondFactorService } from './second-factor.service.js';

const title = 'Two-step verification';

@Controller()
export class FactorPagesController {
  constructor(private readonly factors: SecondFactorService) {}

  @Get('login/second')
  @Page('factors/second-step', title)
  @WithoutSecondFactor(true)
  secondStepForm(@Req() request: Request): PageAnswer {
    return this.factors.isPending(request) ? { fields: {} } : seeOther('/login');
  }

  @Post('login/second')
  @Page('factors/second-step', title)
  @ForVisitors(true)
  @Repeatable({ because: countsOnce.usedUp })
  @WithoutSecondFactor(true)
  @UseGuards(FormGuard)
  async secondStep(@Req() request: Request, @Body() form: unknown): Promise<PageAnswer> {
    // Another tab of this browser has completed it.
    if (request.user && !this.factors.isPending(request)) return seeOther('/account');
    try {
      const { code } = parsed(codeInput, form);
      return seeOther((await this.factors.complete(request, code)).returnTo);
    } catch (error) {
      if (!(error instanceof InvalidInputError || error instanceof CodesRefusedError)) throw error;
      return refused(error, error instanceof CodesRefusedError ? { fields: { code: error.message } } : {});
    }
  }

  @Get('account/two-step')
  @Page('factors/two-step', title)
  @WithoutSecondFactor(true)
  @UseGuards(SignedInGuard)
  async show(@Req() request: Request): Promise<PageAnswer> {
    return { ...(await this.state(request)), fields: {} };
  }

  @Post('account/two-step')
  @Page('factors/two-step', title)
  @Repeatable({ because: countsOnce.usedUp })
  @WithoutSecondFactor(true)
  @UseGuards(FormGuard, SignedInGuard)
  async change(@Req() request: Request, @Body() form: { readonly action?: unknown } = {}): Promise<PageAnswer> {
    try {
      if (form.action === 'confirm') {
        const recoveryCodes = await this.factors.confirm(request, parsed(codeInput, form).code);
        // Not a redirect: the codes are shown once, and stored nowhere.
        return shown('factors/recovery-codes', { title: 'Recovery codes', recoveryCodes });
      }
      const { currentPassword } = parsed(passwordInput, form);
      if (form.action === 'remove') await this.factors.remove(request, currentPassword);
      else await this.factors.enrol(request, currentPassword);
    } catch (error) {
      if (!(error instanceof InvalidInputError)) throw error;
      return refused(error, await this.state(request));
    }
    return seeOther('/account/two-step');
  }

  private async state(request: Request): Promise<PageData> {
    const { since, recoveryCodes, enrolment, missing } = await this.factors.state(request);
    const picture = enrolment && renderSVG(enrolment.uri, { border: 2 });
    return { missing, since, recoveryCodes, enrolment, picture };
  }
}
