// /api/account, /api/email, /api/password, /api/reauthenticate: changes of one's account, and the proof that they need.
import { Body, Controller, Delete, Get, Header, HttpCode, Post, Put, UseGuards } from '@nestjs/common';
import { Caller, CurrentCaller } from '../http/caller.js';
import { WithoutSecondFactor } from '../auth/enrolment.guard.js';
import { SignInService } from '../auth/sign-in.service.js';
import { SignedInGuard } from '../auth/signed-in.guard.js';
import { limits } from '../config/limits.js';
import {
  EmailTakenError,
  InvalidPasskeyError,
  InvalidTokenError,
  OtherAccountError,
  ReauthenticationRequiredError,
  TooManyAttemptsError,
} from '../http/app.errors.js';
import { Describe } from '../http/describe.js';
import { CodesRefusedError } from '../http/refused.errors.js';
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

@Controller('api')
export class AccountController {
  constructor(
    private readonly accounts: AccountService,
    private readonly stepUp: StepUpService,
    private readonly accountData: AccountDataService,
    private readonly signIns: SignInService,
    private readonly notMe: NotMeService,
  ) {}

  @Post('reauthenticate')
  @Describe(
    'Confirms the identity (re-authentication) for five minutes: by a passkey, by a code if two-step verification is on, else by the password',
    'Confirmed; the session has a new token',
    [InvalidPasskeyError, CodesRefusedError, TooManyAttemptsError],
  )
  @Repeatable({ because: countsOnce.usedUp })
  @WithoutSecondFactor(true)
  @HttpCode(204)
  @UseGuards(SignedInGuard)
  reauthenticate(@Body({ schema: proof }) input: Proof, @CurrentCaller() caller: Caller): Promise<void> {
    return this.stepUp.prove(caller, input);
  }

  @Post('email/verification')
  @Describe('Sends the confirmation e-mail again', 'The e-mail is being sent', [TooManyAttemptsError])
  @Repeatable({ because: countsOnce.usedUp })
  @HttpCode(202)
  @UseGuards(SignedInGuard)
  sendVerification(@CurrentCaller() caller: Caller): Promise<void> {
    return this.accounts.sendVerification(caller);
  }

  @Post('email/confirm')
  @Describe('Confirms an e-mail address with the token of the e-mail', 'Confirmed', [
    InvalidTokenError,
    OtherAccountError,
    EmailTakenError,
  ])
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
  @Describe(
    'Sends a confirmation e-mail to a new address; the address changes when it is confirmed',
    'The e-mail is being sent',
    [ReauthenticationRequiredError, EmailTakenError, TooManyAttemptsError],
  )
  @Repeatable({ because: countsOnce.usedUp })
  @HttpCode(202)
  @UseGuards(SignedInGuard)
  changeEmail(@Body({ schema: emailChange }) change: EmailChange, @CurrentCaller() caller: Caller): Promise<void> {
    return this.accounts.changeEmail(caller, change);
  }

  @Post('password/forgotten')
  @Describe(
    'Sends an e-mail with a token to set a new password, if there is an account with this address',
    'The same for every address',
    [TooManyAttemptsError],
  )
  @Repeatable({ because: countsOnce.usedUp })
  @HttpCode(202)
  forgotten(@Body({ schema: forgotten }) { email }: Forgotten, @CurrentCaller() caller: Caller): Promise<void> {
    return this.accounts.forgotten(caller, email);
  }

  @Post('password/reset')
  @Describe('Sets a new password with the token of the e-mail; ends all sessions', 'The password is changed', [
    InvalidTokenError,
  ])
  @Repeatable({ because: countsOnce.usedUp })
  @HttpCode(204)
  reset(@Body({ schema: reset }) input: Reset, @CurrentCaller() caller: Caller): Promise<void> {
    return this.accounts.reset(caller, input);
  }

  @Post('not-me')
  @Describe(
    'With the token of a notice: ends all sessions and the password, and sends an e-mail to set a new one',
    'Done',
    [InvalidTokenError, EmailTakenError],
  )
  @Repeatable({ because: countsOnce.usedUp })
  @WithoutSecondFactor(true)
  @HttpCode(204)
  sayNotMe(@Body({ schema: confirmation }) { token }: Confirmation, @CurrentCaller() caller: Caller): Promise<void> {
    return this.notMe.act(caller, token);
  }

  @Put('password')
  @Describe(
    'Changes the password; ends all other sessions unless endOtherSessions is false',
    'Changed; the session has a new token',
    [ReauthenticationRequiredError, TooManyAttemptsError],
  )
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
  @Describe('Exports the data of the account', 'The data', [ReauthenticationRequiredError])
  @Limits({ time: limits.exportMs })
  @UseGuards(SignedInGuard)
  @Header('Content-Disposition', 'attachment; filename="account.json"')
  export(@CurrentCaller() caller: Caller): Promise<DataExport> {
    return this.accountData.export(caller);
  }

  @Delete('account')
  @Describe('Deletes the account and ends all its sessions', 'Deleted', [
    ReauthenticationRequiredError,
    TooManyAttemptsError,
  ])
  @Limits({ time: limits.leaveMs })
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
