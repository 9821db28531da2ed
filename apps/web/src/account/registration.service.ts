// Registration: opens an account and signs in. For the API and for the page.
import { Injectable } from '@nestjs/common';
import type { Caller } from '../http/caller.js';
import { causeOf } from '../mail/cause-of.js';
import { AuditService } from '../audit/audit.service.js';
import { SignInService } from '../auth/sign-in.service.js';
import { ThrottleService } from '../throttling/throttle.service.js';
import type { User } from '../users/user.entity.js';
import type { Registration } from '../users/user.schemas.js';
import { UsersService } from '../users/users.service.js';
import { TokenMailsService } from './token-mails.service.js';

@Injectable()
export class RegistrationService {
  constructor(
    private readonly throttle: ThrottleService,
    private readonly users: UsersService,
    private readonly tokenMails: TokenMailsService,
    private readonly signIns: SignInService,
    private readonly audit: AuditService,
  ) {}

  /** @throws {EmailTakenError} @throws {TooManyAttemptsError} */
  async register(caller: Caller, input: Registration): Promise<User> {
    const cause = causeOf(caller);
    const user = await this.throttle.registration(caller.ip, () =>
      this.users.register(input, caller.trustedId, (opened, manager) =>
        this.tokenMails.verify(opened, { ...cause, manager, byOwner: false }),
      ),
    );
    this.audit.note('registered', caller, { userId: user.id, email: user.email });
    await this.signIns.signIn(caller, { user, epoch: 0 }, false, 'registration');
    return user;
  }
}
