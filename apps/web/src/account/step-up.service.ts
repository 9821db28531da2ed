// Proving once more who one is, without signing out: the second factor where there is one, else the password.
import { Injectable } from '@nestjs/common';
import type { Request } from 'express';
import { AuditService } from '../audit/audit.service.js';
import { SignInService } from '../auth/sign-in.service.js';
import { SecondFactorService } from '../factors/second-factor.service.js';
import { InvalidInputError } from '../http/app.errors.js';
import type { Proof } from './account.schemas.js';
import { AccountService } from './account.service.js';

@Injectable()
export class StepUpService {
  constructor(
    private readonly accounts: AccountService,
    private readonly factors: SecondFactorService,
    private readonly signIns: SignInService,
    private readonly audit: AuditService,
  ) {}

  /** Which proof is asked of who is signed in: the name of its field. */
  async asks(request: Request): Promise<keyof Proof> {
    return (await this.accounts.current(request)).totpSince ? 'code' : 'currentPassword';
  }

  /**
   * Gives the session a new token (OWASP ASVS 7.2.4) and `limits.freshMs` for what needs a fresh proof.
   * @throws {InvalidInputError} @throws {TooManyAttemptsError}
   */
  async prove(request: Request, proof: Proof): Promise<void> {
    const asked = await this.asks(request);
    const given = proof[asked];
    if (given === undefined)
      throw new InvalidInputError({
        [asked]: asked === 'code' ? 'Enter the code of your app.' : 'Enter your current password.',
      });
    const account =
      asked === 'code' ? await this.factors.prove(request, given) : await this.accounts.prove(request, given);
    await this.signIns.renew(request, account);
    this.audit.note('reauthenticated', request, {}, { by: asked === 'code' ? 'second-factor' : 'password' });
  }
}
