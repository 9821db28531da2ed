// passport-local: e-mail address and password.
import { Injectable } from '@nestjs/common';
import { PassportStrategy } from '@nestjs/passport';
import { UserSessions } from '@roam/session/nest';
import type { Request } from 'express';
import { PinoLogger } from 'nestjs-pino';
import { Strategy } from 'passport-local';
import { ThrottleService } from '../throttling/throttle.service.js';
import { PasswordsService } from '../users/passwords.service.js';
import { credentials, type Credentials } from '../users/user.schemas.js';
import { unknownUserId } from '../users/unknown-user.js';
import type { UserWithSecrets } from '../users/user.entity.js';
import { UsersService } from '../users/users.service.js';
import type { Account } from './account.js';
import { KnownAddresses } from './known-addresses.js';
import { KnownDevices } from './known-devices.js';

@Injectable()
export class PasswordStrategy extends PassportStrategy(Strategy) {
  constructor(
    private readonly users: UsersService,
    private readonly passwords: PasswordsService,
    private readonly sessions: UserSessions,
    private readonly throttle: ThrottleService,
    private readonly devices: KnownDevices,
    private readonly addresses: KnownAddresses,
    private readonly logger: PinoLogger,
  ) {
    super({ usernameField: 'email', passwordField: 'password', passReqToCallback: true });
  }

  /** The account, or false. An unknown user and a wrong password cause the same work and the same answer. */
  async validate(request: Request, email: unknown, password: unknown): Promise<Account | false> {
    const parsed = credentials.safeParse({ email, password });
    if (!parsed.success) return false;
    const { email: account } = parsed.data;
    const attempt = {
      account,
      ip: request.ip,
      device: await this.devices.find(request, account),
      isKnownAddress: () => this.addresses.isKnown(account, request.ip),
    };
    return this.throttle.attempt(attempt, () => this.check(request, parsed.data));
  }

  private async check(request: Request, { email, password }: Credentials): Promise<Account | false> {
    const id = (await this.users.findByEmail(email))?.id ?? unknownUserId;
    // Before everything that is checked: a change of the password or a deactivation ends all sessions, also the one of
    // a sign-in that races with it.
    const epoch = await this.sessions.epochOf(id);
    const user = await this.users.findWithSecrets(id);
    const matches = await this.passwords.verify(user?.passwordHash, password);
    if (!user || !matches) {
      request.attempted = { email, ...(user && { userId: user.id }) };
      return false;
    }
    if (this.passwords.isOutdated(user.passwordHash)) this.rehash(user, password);
    return { user, epoch };
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
