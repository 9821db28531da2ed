// The site's rule about who needs a second factor, evaluated at each request: it may be younger than the session.
import { Injectable } from '@nestjs/common';
import { Config } from '../config/config.js';
import type { PublicUser } from '../users/user.entity.js';
import type { SignedIn } from './signed-in.js';

@Injectable()
export class SecondFactorRule {
  constructor(private readonly config: Config) {}

  /** Whether the site requires a second factor of this user. It may be a passkey, which is not checked here. */
  isDemandedOf({ roles }: Pick<PublicUser, 'roles'>): boolean {
    const { secondFactor } = this.config.accounts;
    return secondFactor === 'required' || (secondFactor === 'admins' && roles.includes('admin'));
  }

  /**
   * Whether this session may only set a second factor up, or prove one. A session that does not say whether one was proved,
   * such as one of an earlier release, counts as one without.
   */
  isMissingIn(signedIn: SignedIn): boolean {
    return signedIn.twoFactors !== true && this.isDemandedOf(signedIn);
  }
}
