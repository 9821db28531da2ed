// /api/passkeys, and signing in with a passkey.
import { Body, Controller, Delete, Get, HttpCode, Param, Post, UseGuards } from '@nestjs/common';
import type {
  PublicKeyCredentialCreationOptionsJSON,
  PublicKeyCredentialRequestOptionsJSON,
} from '@simplewebauthn/server';
import type { SignedIn } from '../auth/signed-in.js';
import { CurrentUser } from '../auth/current-user.js';
import { Caller, CurrentCaller } from '../http/caller.js';
import { WithoutSecondFactor } from '../auth/enrolment.guard.js';
import { SignedInGuard } from '../auth/signed-in.guard.js';
import {
  AccountDeactivatedError,
  InvalidInputError,
  InvalidPasskeyError,
  NotFoundError,
  PasskeyRequiredError,
  ReauthenticationRequiredError,
  SecondFactorMissingError,
} from '../http/app.errors.js';
import { Describe } from '../http/describe.js';
import { countsOnce } from '../routes/counts-once.js';
import { Repeatable } from '../routes/decorators.js';
import { TooManySessionsError } from '../session/session.errors.js';
import { publicUser, type PublicUser } from '../users/user.entity.js';
import { passkeyCreation, passkeyLogin, type PasskeyCreation, type PasskeyLogin } from './passkeys.schemas.js';
import { PasskeysService, type PasskeyRow } from './passkeys.service.js';

@Controller('api')
export class PasskeysController {
  constructor(private readonly passkeys: PasskeysService) {}

  /** For sign-in and for re-authentication. */
  @Post('login/passkey/options')
  @Describe(
    'Options for a passkey request, to sign in or to confirm the identity',
    'PublicKeyCredentialRequestOptionsJSON of WebAuthn',
    [TooManySessionsError],
  )
  @Repeatable({ because: countsOnce.session })
  @HttpCode(200)
  @WithoutSecondFactor(true)
  requestOptions(@CurrentCaller() caller: Caller): Promise<PublicKeyCredentialRequestOptionsJSON> {
    return this.passkeys.requestOptions(caller);
  }

  @Post('login/passkey')
  @Describe('Signs in with a passkey', 'The user', [InvalidPasskeyError, AccountDeactivatedError])
  @Repeatable({ because: countsOnce.usedUp })
  @HttpCode(200)
  @WithoutSecondFactor(true)
  async signIn(
    @Body({ schema: passkeyLogin }) input: PasskeyLogin,
    @CurrentCaller() caller: Caller,
  ): Promise<{ user: PublicUser }> {
    return { user: publicUser((await this.passkeys.signIn(caller, input)).user) };
  }

  @Get('passkeys')
  @Describe('Lists the passkeys of the user', 'The passkeys')
  @UseGuards(SignedInGuard)
  @WithoutSecondFactor(true)
  list(@CurrentUser() user: SignedIn): Promise<PasskeyRow[]> {
    return this.passkeys.list(user);
  }

  @Post('passkeys/options')
  @Describe('Options to create a passkey', 'PublicKeyCredentialCreationOptionsJSON of WebAuthn', [
    ReauthenticationRequiredError,
    InvalidInputError,
    SecondFactorMissingError,
    PasskeyRequiredError,
  ])
  @Repeatable({ because: countsOnce.session })
  @HttpCode(200)
  @UseGuards(SignedInGuard)
  @WithoutSecondFactor(true)
  creationOptions(@CurrentCaller() caller: Caller): Promise<PublicKeyCredentialCreationOptionsJSON> {
    return this.passkeys.creationOptions(caller);
  }

  @Post('passkeys')
  @Describe('Adds a passkey; ends all other sessions unless endOtherSessions is false', 'The passkey', [
    ReauthenticationRequiredError,
    InvalidPasskeyError,
    SecondFactorMissingError,
    PasskeyRequiredError,
  ])
  @Repeatable({ because: countsOnce.usedUp })
  @UseGuards(SignedInGuard)
  @WithoutSecondFactor(true)
  add(@Body({ schema: passkeyCreation }) input: PasskeyCreation, @CurrentCaller() caller: Caller): Promise<PasskeyRow> {
    return this.passkeys.add(caller, input);
  }

  @Delete('passkeys/:id')
  @Describe('Removes a passkey; ends all other sessions', 'Removed', [
    ReauthenticationRequiredError,
    NotFoundError,
    InvalidInputError,
  ])
  @Repeatable({ because: countsOnce.sameAgain })
  @HttpCode(204)
  @UseGuards(SignedInGuard)
  remove(@Param('id') id: string, @CurrentCaller() caller: Caller): Promise<void> {
    return this.passkeys.remove(caller, id);
  }
}
