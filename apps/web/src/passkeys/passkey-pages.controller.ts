// The page of the user's passkeys.
import { Body, Controller, Get, Post, UseGuards } from '@nestjs/common';
import type { SignedIn } from '../auth/signed-in.js';
import { CurrentUser } from '../auth/current-user.js';
import { Caller, CurrentCaller } from '../http/caller.js';
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
  async list(@CurrentUser() user: SignedIn): Promise<PageAnswer> {
    return { passkeys: await this.passkeys.list(user) };
  }

  @Post()
  @Page('passkeys/passkeys', 'Passkeys')
  @Repeatable({ because: countsOnce.sameAgain })
  @UseGuards(FormGuard, SignedInGuard)
  async remove(@CurrentCaller() caller: Caller, @Body('remove') id?: unknown): Promise<PageAnswer> {
    if (typeof id === 'string') await this.passkeys.remove(caller, id);
    return seeOther('/account/passkeys');
  }
}
