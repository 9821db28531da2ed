// Re-authentication (step-up): by a passkey, else by the second factor if there is one, else by the password.
import { Injectable } from '@nestjs/common';
import { AuditService } from '../audit/audit.service.js';
import type { Account } from '../auth/account.js';
import { SignInService } from '../auth/sign-in.service.js';
import type { SignedIn } from '../auth/signed-in.js';
import { PasskeysService } from '../passkeys/passkeys.service.js';
import { SecondFactorService } from '../factors/second-factor.service.js';
import { InvalidInputError, InvalidPasskeyError } from '../http/app.errors.js';
import type { Caller } from '../http/caller.js';
import type { Proof } from './account.schemas.js';
import { AccountService } from './account.service.js';

@Injectable()
export class StepUpService {
  constructor(
    private readonly accounts: AccountService,
    private readonly factors: SecondFactorService,
    private readonly passkeys: PasskeysService,
    private readonly signIns: SignInService,
    private readonly audit: AuditService,
  ) {}

  /** The proof that the signed-in user has to give if it is not a passkey: the name of its field. */
  async asks(user: SignedIn): Promise<'code' | 'currentPassword'> {
    return (await this.accounts.current(user)).totpSince ? 'code' : 'currentPassword';
  }

  /**
   * Gives the session a new token (OWASP ASVS 7.2.4). For `limits.freshMs` the identity then counts as freshly
   * confirmed.
   * @throws {InvalidInputError} @throws {TooManyAttemptsError}
   */
  async prove(caller: Caller, proof: Proof): Promise<void> {
    if (proof.passkey) {
      const account = await this.passkeys.prove(caller, proof.passkey);
      if (account.user.id !== caller.user!.id) throw new InvalidPasskeyError();
      return this.proved(caller, account, 'passkey');
    }
    const asked = await this.asks(caller.user!);
    const given = proof[asked];
    if (given === undefined)
      throw new InvalidInputError({
        [asked]:
          asked === 'code'
            ? 'Enter the code from your authenticator app, or a recovery code.'
            : 'Enter your current password.',
      });
    const account =
      asked === 'code' ? await this.factors.prove(caller, given) : await this.accounts.prove(caller, given);
    await this.proved(caller, account, asked === 'code' ? 'code' : 'password');
  }

  private async proved(caller: Caller, account: Account, by: 'passkey' | 'code' | 'password'): Promise<void> {
    // A password alone adds nothing to what the session has proved.
    await this.signIns.renew(caller, account, { proved: true, ...(by !== 'password' && { twoFactors: true }) });
    this.audit.note('reauthenticated', caller, {}, { by });
  }
}
