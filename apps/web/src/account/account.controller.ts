// /api/email and /api/password: changes of one's account.
import { Body, Controller, HttpCode, Post, Put, Req, UseGuards } from '@nestjs/common';
import type { Request } from 'express';
import { SignedInGuard } from '../auth/signed-in.guard.js';
import {
  confirmation,
  emailChange,
  forgotten,
  passwordChange,
  reset,
  type Confirmation,
  type EmailChange,
  type Forgotten,
  type PasswordChange,
  type Reset,
} from './account.schemas.js';
import { AccountService } from './account.service.js';

@Controller('api')
export class AccountController {
  constructor(private readonly accounts: AccountService) {}

  @Post('email/verification')
  @HttpCode(202)
  @UseGuards(SignedInGuard)
  sendVerification(@Req() request: Request): Promise<void> {
    return this.accounts.sendVerification(request);
  }

  @Post('email/confirm')
  @HttpCode(204)
  confirmEmail(@Body({ schema: confirmation }) { token }: Confirmation, @Req() request: Request): Promise<void> {
    return this.accounts.confirmEmail(request, token);
  }

  @Put('email')
  @HttpCode(202)
  @UseGuards(SignedInGuard)
  changeEmail(@Body({ schema: emailChange }) change: EmailChange, @Req() request: Request): Promise<void> {
    return this.accounts.changeEmail(request, change);
  }

  @Post('password/forgotten')
  @HttpCode(202)
  forgotten(@Body({ schema: forgotten }) { email }: Forgotten, @Req() request: Request): Promise<void> {
    return this.accounts.forgotten(request, email);
  }

  @Post('password/reset')
  @HttpCode(204)
  reset(@Body({ schema: reset }) input: Reset, @Req() request: Request): Promise<void> {
    return this.accounts.reset(request, input);
  }

  @Put('password')
  @HttpCode(204)
  @UseGuards(SignedInGuard)
  changePassword(@Body({ schema: passwordChange }) change: PasswordChange, @Req() request: Request): Promise<void> {
    return this.accounts.changePassword(request, change);
  }
}
