// passport-local: e-mail address and password.
import { Injectable } from '@nestjs/common';
import { PassportStrategy } from '@nestjs/passport';
import { SessionManager } from '@roam/session/nest';
import { Strategy } from 'passport-local';
import { PasswordsService } from '../users/passwords.service.js';
import { canBePassword, credentials } from '../users/user.schemas.js';
import { UsersService } from '../users/users.service.js';
import type { Account } from './account.js';

/** Looked up instead of an unknown user, so that both take the same time. */
const nobody = '00000000-0000-0000-0000-000000000000';

@Injectable()
export class PasswordStrategy extends PassportStrategy(Strategy) {
  constructor(
    private readonly users: UsersService,
    private readonly passwords: PasswordsService,
    private readonly sessions: SessionManager,
  ) {
    super({ usernameField: 'email', passwordField: 'password' });
  }

  /** The account, or false: after the same work and with the same answer for an unknown user and a wrong password. */
  async validate(email: unknown, password: unknown): Promise<Account | false> {
    const parsed = credentials.safeParse({ email, password });
    if (!parsed.success || !canBePassword(parsed.data.password)) return false;
    const user = await this.users.findByEmail(parsed.data.email);
    // Read before the password is checked: "end all sessions" also beats a login that races with it.
    const epoch = await this.sessions.epochOf(user?.id ?? nobody);
    const matches = await this.passwords.verify(user?.passwordHash, parsed.data.password);
    return user && matches ? { user, epoch } : false;
  }
}
