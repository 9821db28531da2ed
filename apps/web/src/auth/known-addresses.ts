// Addresses from which an account was signed in to, by its audit log.
import { Injectable } from '@nestjs/common';
import { AuditReader } from '../audit/audit-reader.js';
import { addressKey } from '../http/subjects.js';
import { unknownUserId } from '../users/unknown-user.js';
import { UsersService } from '../users/users.service.js';

/** How many of the account's last sign-ins are looked at. */
const LOOKED_AT = 50;

@Injectable()
export class KnownAddresses {
  constructor(
    private readonly users: UsersService,
    private readonly events: AuditReader,
  ) {}

  async isKnown(email: string, ip: string | undefined): Promise<boolean> {
    const userId = (await this.users.findByEmail(email))?.id ?? unknownUserId;
    const logins = await this.events.find({ userId, event: 'login', limit: LOOKED_AT });
    return logins.some((login) => addressKey(login.ip) === addressKey(ip));
  }
}
