// The pages of the second factor: the second step of signing in, and turning it on and off.
import { Body, Controller, Get, Post, Session, UseGuards } from '@nestjs/common';
import { renderSVG } from 'uqr';
import type { Session as RequestSession } from '@roam/session';
import type { SignedIn } from '../auth/signed-in.js';
import { CurrentUser } from '../auth/current-user.js';
import { Caller, CurrentCaller } from '../http/caller.js';
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
  secondStepForm(@Session() session?: RequestSession): PageAnswer {
    return this.factors.isPending(session) ? { fields: {} } : seeOther('/login');
  }

  @Post('login/second')
  @Page('factors/second-step', title)
  @ForVisitors(true)
  @Repeatable({ because: countsOnce.usedUp })
  @WithoutSecondFactor(true)
  @UseGuards(FormGuard)
  async secondStep(@CurrentCaller() caller: Caller, @Body() form: unknown): Promise<PageAnswer> {
    // Another tab of this browser has completed it.
    if (caller.user && !this.factors.isPending(caller.session)) return seeOther('/account');
    try {
      const { code } = parsed(codeInput, form);
      return seeOther((await this.factors.complete(caller, code)).returnTo);
    } catch (error) {
      if (!(error instanceof InvalidInputError || error instanceof CodesRefusedError)) throw error;
      return refused(error, error instanceof CodesRefusedError ? { fields: { code: error.message } } : {});
    }
  }

  @Get('account/two-step')
  @Page('factors/two-step', title)
  @WithoutSecondFactor(true)
  @UseGuards(SignedInGuard)
  async show(@CurrentUser() user: SignedIn, @Session() session: RequestSession): Promise<PageAnswer> {
    return { ...(await this.state(user, session)), fields: {} };
  }

  @Post('account/two-step')
  @Page('factors/two-step', title)
  @Repeatable({ because: countsOnce.usedUp })
  @WithoutSecondFactor(true)
  @UseGuards(FormGuard, SignedInGuard)
  async change(@CurrentCaller() caller: Caller, @Body() form: { readonly action?: unknown } = {}): Promise<PageAnswer> {
    try {
      if (form.action === 'confirm') {
        const recoveryCodes = await this.factors.confirm(caller, parsed(codeInput, form).code);
        // Not a redirect: the codes are shown once, and stored nowhere.
        return shown('factors/recovery-codes', { title: 'Recovery codes', recoveryCodes });
      }
      const { currentPassword } = parsed(passwordInput, form);
      if (form.action === 'remove') await this.factors.remove(caller, currentPassword);
      else await this.factors.enrol(caller, currentPassword);
    } catch (error) {
      if (!(error instanceof InvalidInputError)) throw error;
      return refused(error, await this.state(caller.user!, caller.session!));
    }
    return seeOther('/account/two-step');
  }

  private async state(user: SignedIn, session: RequestSession): Promise<PageData> {
    const { since, recoveryCodes, enrolment, missing } = await this.factors.state(user, session);
    const picture = enrolment && renderSVG(enrolment.uri, { border: 2 });
    return { missing, since, recoveryCodes, enrolment, picture };
  }
}
