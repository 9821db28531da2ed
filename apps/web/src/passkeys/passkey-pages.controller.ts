// The page of the user's passkeys.
import { Body, Controller, Get, Post, Req, UseGuards } from '@nestjs/common';
import type { Request } from 'express';
import { WithoutSecondFactor } from '../auth/enrolment.guard.js';
import { SignedInGuard } from '../auth/signed-in.guard.js';
import { addAsset } from '../pages/assets.js';
import { FormGuard } from '../pages/form.guard.js';
import { seeOther, type PageAnswer } from '../pages/page-answer.js';
import { Page } from '../pages/page.js';
import { countsOnce } from '../routes/counts-once.js';
import { Repeatable } from '../routes/decorators.js';
import { PasskeysService } from './passkeys.service.js';

addAsset('passkeys', new URL('./passkeys.js', import.meta.url));
addAsset('webauthn', new URL('../dist/bundle/index.umd.min.js', import.meta.resolve('@simplewebauthn/browser')));

@Controller('account/passkeys')
export class PasskeyPagesController {
  constructor(private readonly passkeys: PasskeysService) {}

  @Get()
  @Page('passkeys/passkeys', 'Passkeys')
  @WithoutSecondFactor(true)
  @UseGuards(SignedInGuard)
  async list(@Req() request: Request): Promise<PageAnswer> {
    return { passkeys: await this.passkeys.list(request) };
  }

  @Post()
  @Page('passkeys/passkeys', 'Passkeys')
  @Repeatable({ because: countsOnce.sameAgain })
  @UseGuards(FormGuard, SignedInGuard)
  async remove(@Req() request: Request, @Body('remove') id?: unknown): Promise<PageAnswer> {
    if (typeof id === 'string') await this.passkeys.remove(request, id);
    return seeOther('/account/passkeys');
  }
}
