// /api/account, /api/email, /api/password, /api/reauthenticate: changes of one's account, and the proof that they need.
import { Body, Controller, Delete, Get, Header, HttpCode, Post, Put, Req, Res, UseGuards } from '@nestjs/common';
import type { Request, Response } from 'express';
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
  reauthenticate(@Body({ schema: proof }) input: Proof, @Req() request: Request): Promise<void> {
    return this.stepUp.prove(request, input);
  }

  @Post('email/verification')
  @Repeatable({ because: countsOnce.usedUp })
  @HttpCode(202)
  @UseGuards(SignedInGuard)
  sendVerification(@Req() request: Request): Promise<void> {
    return this.accounts.sendVerification(request);
  }

  @Post('email/confirm')
  @Repeatable({ because: countsOnce.usedUp })
  @HttpCode(204)
  @UseGuards(SignedInGuard)
  confirmEmail(@Body({ schema: confirmation }) { token }: Confirmation, @Req() request: Request): Promise<void> {
    return this.accounts.confirmEmail(request, token);
  }

  @Put('email')
  @Repeatable({ because: countsOnce.usedUp })
  @HttpCode(202)
  @UseGuards(SignedInGuard)
  changeEmail(@Body({ schema: emailChange }) change: EmailChange, @Req() request: Request): Promise<void> {
    return this.accounts.changeEmail(request, change);
  }

  @Post('password/forgotten')
  @Repeatable({ because: countsOnce.usedUp })
  @HttpCode(202)
  forgotten(@Body({ schema: forgotten }) { email }: Forgotten, @Req() request: Request): Promise<void> {
    return this.accounts.forgotten(request, email);
  }

  @Post('password/reset')
  @Repeatable({ because: countsOnce.usedUp })
  @HttpCode(204)
  reset(@Body({ schema: reset }) input: Reset, @Req() request: Request): Promise<void> {
    return this.accounts.reset(request, input);
  }

  @Post('not-me')
  @Repeatable({ because: countsOnce.usedUp })
  @WithoutSecondFactor(true)
  @HttpCode(204)
  sayNotMe(@Body({ schema: confirmation }) { token }: Confirmation, @Req() request: Request): Promise<void> {
    return this.notMe.act(request, token);
  }

  @Put('password')
  @Repeatable({ because: countsOnce.sameAgain })
  @HttpCode(204)
  @UseGuards(SignedInGuard)
  changePassword(@Body({ schema: passwordChange }) change: PasswordChange, @Req() request: Request): Promise<void> {
    return this.accounts.changePassword(request, change);
  }

  @Get('account/export')
  @Limits({ time: limits.exportMs })
  @UseGuards(SignedInGuard)
  @Header('Content-Disposition', 'attachment; filename="account.json"')
  export(@Req() request: Request): Promise<DataExport> {
    return this.accountData.export(request);
  }

  @Delete('account')
  @Limits({ time: limits.leaveMs })
  @HttpCode(204)
  @Repeatable({ because: countsOnce.sameAgain })
  @UseGuards(SignedInGuard)
  async delete(
    @Body({ schema: deletion }) { currentPassword }: Deletion,
    @Req() request: Request,
    @Res({ passthrough: true }) response: Response,
  ): Promise<void> {
    await this.accountData.delete(request, currentPassword);
    await this.signIns.signOut(request, response);
  }
}
