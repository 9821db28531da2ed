// Checks an e-mail address and a password.
import { Injectable } from '@nestjs/common';
import { UserSessions } from '@roam/session/nest';
import { PinoLogger } from 'nestjs-pino';
import { InvalidCredentialsError } from '../http/app.errors.js';
import type { Caller } from '../http/caller.js';
import { ThrottleService } from '../throttling/throttle.service.js';
import { PasswordsService } from '../users/passwords.service.js';
import type { Credentials } from '../users/user.schemas.js';
import { unknownUserId } from '../users/unknown-user.js';
import type { UserWithSecrets } from '../users/user.entity.js';
import { UsersService } from '../users/users.service.js';
import type { Account } from './account.js';
import { KnownAddresses } from './known-addresses.js';
import { KnownDevices } from './known-devices.js';

@Injectable()
export class PasswordCheck {
  constructor(
    private readonly users: UsersService,
    private readonly passwords: PasswordsService,
    private readonly sessions: UserSessions,
    private readonly throttle: ThrottleService,
    private readonly devices: KnownDevices,
    private readonly addresses: KnownAddresses,
    private readonly logger: PinoLogger,
  ) {}

  /**
   * The account. An unknown user and a wrong password cause the same work and the same answer.
   * @throws {InvalidCredentialsError} @throws {TooManyAttemptsError}
   */
  async accountOf(caller: Caller, { email, password }: Credentials): Promise<Account> {
    const attempt = {
      account: email,
      ip: caller.ip,
      device: await this.devices.find(caller, email),
      isKnownAddress: () => this.addresses.isKnown(email, caller.ip),
    };
    let userId: string | undefined;
    const account = await this.throttle.attempt(attempt, async () => {
      const id = (await this.users.findByEmail(email))?.id ?? unknownUserId;
      // Before everything that is checked: a change of the password or a deactivation ends all sessions, also the one of
      // a sign-in that races with it.
      const epoch = await this.sessions.epochOf(id);
      const user = await this.users.findWithSecrets(id);
      const matches = await this.passwords.verify(user?.passwordHash, password);
      userId = user?.id;
      if (!user || !matches) return false;
      return { user, epoch };
    });
    if (!account) throw new InvalidCredentialsError().concerning({ email, ...(userId !== undefined && { userId }) });
    if (this.passwords.isOutdated(account.user.passwordHash)) this.rehash(account.user, password);
    return account;
  }

  /** In the background: the sign-in neither waits for it nor fails because of it. The next sign-in tries again. */
  private rehash(user: UserWithSecrets, password: string): void {
    this.passwords
      .hash(password)
      .then((passwordHash) => this.users.replaceHash(user, passwordHash))
      .catch((error: unknown) =>
        this.logger.warn(
          { err: error, userId: user.id },
          'could not rehash a password with the current parameters: trying again at the next sign-in',
        ),
      );
  }
}
