// The pages of the second factor: the second step of signing in, and turning it on and off.
import { Controller, Get, Post, Req, Res, UseGuards } from '@nestjs/common';
import type { Request, Response } from 'express';
import { renderSVG } from 'uqr';
import { codeInput, passwordInput } from '../factors/factors.schemas.js';
import { WithoutSecondFactor } from '../auth/enrolment.guard.js';
import { SecondFactorService } from '../factors/second-factor.service.js';
import { InvalidInputError } from '../http/app.errors.js';
import { CodesRefusedError } from '../http/refused.errors.js';
import { parsed } from '../http/validation.js';
import { PasskeysService } from '../passkeys/passkeys.service.js';
import { countsOnce } from '../routes/counts-once.js';
import { Repeatable } from '../routes/decorators.js';
import { FormGuard, ForVisitors } from './form.guard.js';
import { PageResponder } from './page-responder.js';

const twoStep = { title: 'Two-step verification', fields: {} };

@Controller()
export class FactorPagesController {
  constructor(
    private readonly pages: PageResponder,
    private readonly factors: SecondFactorService,
    private readonly passkeys: PasskeysService,
  ) {}

  @Get('login/second')
  @WithoutSecondFactor(true)
  secondStepForm(@Req() request: Request, @Res() response: Response): void {
    if (!this.factors.isPending(request)) return this.pages.seeOther(request, response, '/login');
    this.pages.show(request, response, 'second-step', twoStep);
  }

  @Post('login/second')
  @ForVisitors(true)
  @Repeatable({ because: countsOnce.usedUp })
  @WithoutSecondFactor(true)
  @UseGuards(FormGuard)
  async secondStep(@Req() request: Request, @Res() response: Response): Promise<void> {
    // Another tab of this browser has completed it.
    if (request.user && !this.factors.isPending(request)) return this.pages.seeOther(request, response, '/account');
    try {
      const { code } = parsed(codeInput, request.body);
      const { returnTo } = await this.factors.complete(request, code);
      this.pages.seeOther(request, response, returnTo);
    } catch (error) {
      if (!(error instanceof InvalidInputError || error instanceof CodesRefusedError)) throw error;
      const fields = error instanceof InvalidInputError ? error.fields : { code: error.message };
      this.pages.refuse(request, response, 'second-step', { ...twoStep, fields }, error);
    }
  }

  @Get('account/two-step')
  @WithoutSecondFactor(true)
  async state(@Req() request: Request, @Res() response: Response): Promise<void> {
    if (!request.user) return this.pages.toLogin(request, response);
    await this.show(request, response);
  }

  @Post('account/two-step')
  @Repeatable({ because: countsOnce.usedUp })
  @WithoutSecondFactor(true)
  @UseGuards(FormGuard)
  async change(@Req() request: Request, @Res() response: Response): Promise<void> {
    if (!request.user) return this.pages.toLogin(request, response);
    const { action } = (request.body ?? {}) as { action?: unknown };
    try {
      if (action === 'confirm') {
        const recoveryCodes = await this.factors.confirm(request, parsed(codeInput, request.body).code);
        // Not a redirect: the codes are shown once, and stored nowhere.
        return this.pages.show(request, response, 'recovery-codes', { title: 'Recovery codes', recoveryCodes });
      }
      const { currentPassword } = parsed(passwordInput, request.body);
      if (action === 'remove') await this.factors.remove(request, currentPassword);
      else await this.factors.enrol(request, currentPassword);
    } catch (error) {
      if (!(error instanceof InvalidInputError)) throw error;
      return this.show(request, response, error);
    }
    this.pages.seeOther(request, response, '/account/two-step');
  }

  @Get('account/passkeys')
  @WithoutSecondFactor(true)
  async passkeyList(@Req() request: Request, @Res() response: Response): Promise<void> {
    if (!request.user) return this.pages.toLogin(request, response);
    const passkeys = await this.passkeys.list(request);
    this.pages.show(request, response, 'passkeys', { title: 'Passkeys', passkeys });
  }

  @Post('account/passkeys')
  @Repeatable({ because: countsOnce.sameAgain })
  @UseGuards(FormGuard)
  async removePasskey(@Req() request: Request, @Res() response: Response): Promise<void> {
    if (!request.user) return this.pages.toLogin(request, response);
    const { remove } = (request.body ?? {}) as { remove?: unknown };
    if (typeof remove === 'string') await this.passkeys.remove(request, remove);
    this.pages.seeOther(request, response, '/account/passkeys');
  }

  private async show(request: Request, response: Response, error?: InvalidInputError): Promise<void> {
    const { since, recoveryCodes, enrolment, missing } = await this.factors.state(request);
    const picture = enrolment && renderSVG(enrolment.uri, { border: 2 });
    const data = { ...twoStep, missing, since, recoveryCodes, enrolment, picture, fields: error?.fields ?? {} };
    if (error) this.pages.refuse(request, response, 'two-step', data, error);
    else this.pages.show(request, response, 'two-step', data);
  }
}
