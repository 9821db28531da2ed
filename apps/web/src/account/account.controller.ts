// /api/account, /api/email, /api/password, /api/reauthenticate: changes of one's account, and the proof that they need.
import { Body, Controller, Delete, Get, Header, HttpCode, Post, Put, UseGuards } from '@nestjs/common';
import { Caller, CurrentCaller } from '../http/caller.js';
import { WithoutSecondFactor } from '../auth/enrolment.guard.js';
import { SignInService } from '../auth/sign-in.service.js';
import { SignedInGuard } from '../auth/signed-in.guard.js';
import { limits } from '../config/limits.js';
import { countsOnce } from '../routes/counts-once.js';
import { Limits, Repeatable } from '../routes/decorators.js';
import {
  confirmation,
  deletion,
  emailChange,
  forgotten,
  passwordChange,
  proof,
  reset,
  type Confirmation,
  type Deletion,
  type EmailChange,
  type Forgotten,
  type PasswordChange,
  type Proof,
  type Reset,
} from './account.schemas.js';
import { AccountService } from './account.service.js';
import { NotMeService } from './not-me.service.js';
import { AccountDataService, type DataExport } from './account-data.service.js';
import { StepUpService } from './step-up.service.js';
import { Described } from '../openapi/api-route.js';
import { accountRoutes } from './account.routes.js';

@Controller('api')
@Described(accountRoutes)
export class AccountController {
  constructor(
    private readonly accounts: AccountService,
    private readonly stepUp: StepUpService,
    private readonly accountData: AccountDataService,
    private readonly signIns: SignInService,
    private readonly notMe: NotMeService,
  ) {}

  @Post('reauthenticate')
  @Repeatable({ because: countsOnce.usedUp })
  @WithoutSecondFactor(true)
  @HttpCode(204)
  @UseGuards(SignedInGuard)
  reauthenticate(@Body({ schema: proof }) input: Proof, @CurrentCaller() caller: Caller): Promise<void> {
    return this.stepUp.prove(caller, input);
  }

  @Post('email/verification')
  @Repeatable({ because: countsOnce.usedUp })
  @HttpCode(202)
  @UseGuards(SignedInGuard)
  sendVerification(@CurrentCaller() caller: Caller): Promise<void> {
    return this.accounts.sendVerification(caller);
  }

  @Post('email/confirm')
  @Repeatable({ because: countsOnce.usedUp })
  @HttpCode(204)
  @UseGuards(SignedInGuard)
  confirmEmail(
    @Body({ schema: confirmation }) { token }: Confirmation,
    @CurrentCaller() caller: Caller,
  ): Promise<void> {
    return this.accounts.confirmEmail(caller, token);
  }

  @Put('email')
  @Repeatable({ because: countsOnce.usedUp })
  @HttpCode(202)
  @UseGuards(SignedInGuard)
  changeEmail(@Body({ schema: emailChange }) change: EmailChange, @CurrentCaller() caller: Caller): Promise<void> {
    return this.accounts.changeEmail(caller, change);
  }

  @Post('password/forgotten')
  @Repeatable({ because: countsOnce.usedUp })
  @HttpCode(202)
  forgotten(@Body({ schema: forgotten }) { email }: Forgotten, @CurrentCaller() caller: Caller): Promise<void> {
    return this.accounts.forgotten(caller, email);
  }

  @Post('password/reset')
  @Repeatable({ because: countsOnce.usedUp })
  @HttpCode(204)
  reset(@Body({ schema: reset }) input: Reset, @CurrentCaller() caller: Caller): Promise<void> {
    return this.accounts.reset(caller, input);
  }

  @Post('not-me')
  @Repeatable({ because: countsOnce.usedUp })
  @WithoutSecondFactor(true)
  @HttpCode(204)
  sayNotMe(@Body({ schema: confirmation }) { token }: Confirmation, @CurrentCaller() caller: Caller): Promise<void> {
    return this.notMe.act(caller, token);
  }

  @Put('password')
  @Repeatable({ because: countsOnce.sameAgain })
  @HttpCode(204)
  @UseGuards(SignedInGuard)
  changePassword(
    @Body({ schema: passwordChange }) change: PasswordChange,
    @CurrentCaller() caller: Caller,
  ): Promise<void> {
    return this.accounts.changePassword(caller, change);
  }

  @Get('account/export')
  @Limits({ time: limits.exportMs })
  @UseGuards(SignedInGuard)
  @Header('Content-Disposition', 'attachment; filename="account.json"')
  export(@CurrentCaller() caller: Caller): Promise<DataExport> {
    return this.accountData.export(caller);
  }

  @Delete('account')
  @HttpCode(204)
  @Repeatable({ because: countsOnce.sameAgain })
  @UseGuards(SignedInGuard)
  async delete(
    @Body({ schema: deletion }) { currentPassword }: Deletion,
    @CurrentCaller() caller: Caller,
  ): Promise<void> {
    await this.accountData.delete(caller, currentPassword);
    await this.signIns.signOut(caller);
  }
}
