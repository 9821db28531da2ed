// Exports the data of an account, and deletes the account.
import { Injectable } from '@nestjs/common';
import { UserSessions } from '@roam/session/nest';
import type { Request } from 'express';
import { AuditReader, type LoggedEvent } from '../audit/audit-reader.js';
import { AuditService } from '../audit/audit.service.js';
import { assertFresh } from '../auth/fresh.js';
import { Transactions } from '../database/transactions.js';
import { FactorFailures } from '../factors/factor-failures.js';
import { RecoveryCodesService } from '../factors/recovery-codes.service.js';
import { InvalidInputError } from '../http/app.errors.js';
import { causeOf } from '../mail/cause-of.js';
import { MailService, recipientOf } from '../mail/mail.service.js';
import { PasskeyStore } from '../passkeys/passkey-store.js';
import { SessionsService, type Device } from '../sessions/sessions.service.js';
import { administratorsBeside } from '../users/administrators.js';
import { UsersService } from '../users/users.service.js';
import { AccountTokensService } from './account-tokens.service.js';
import { AccountService } from './account.service.js';
import { accountMails } from './account-mails.js';

/** All data about a user, except the data that only the session in the browser holds (the cart). */
export interface DataExport {
  readonly exportedAt: string;
  readonly account: Readonly<Record<string, unknown>>;
  readonly passkeys: readonly Readonly<Record<string, unknown>>[];
  /** Absent where the session method keeps no list. */
  readonly sessions?: readonly Device[];
  /** The newest first, at most `maxEvents`. */
  readonly events: readonly LoggedEvent[];
}

const maxEvents = 1_000;
const lastAdministrator = 'You are the only administrator. Make somebody else one before you delete your account.';

@Injectable()
export class AccountDataService {
  constructor(
    private readonly accounts: AccountService,
    private readonly users: UsersService,
    private readonly tokens: AccountTokensService,
    private readonly codes: RecoveryCodesService,
    private readonly failures: FactorFailures,
    private readonly passkeys: PasskeyStore,
    private readonly devices: SessionsService,
    private readonly sessions: UserSessions,
    private readonly events: AuditReader,
    private readonly mails: MailService,
    private readonly transactions: Transactions,
    private readonly audit: AuditService,
  ) {}

  /** @throws {ReauthenticationRequiredError} */
  async export(request: Request): Promise<DataExport> {
    assertFresh(request);
    const { id, email, name, roles, emailVerifiedAt, totpSince, createdAt } = await this.accounts.current(request);
    this.audit.note('data-exported', request);
    const [events, passkeys, sessions] = await Promise.all([
      this.events.find({ userId: id, limit: maxEvents }),
      this.passkeys.listOf(id),
      this.devices.canList ? this.devices.list(request) : undefined,
    ]);
    return {
      exportedAt: new Date().toISOString(),
      account: { id, email, name, roles, emailVerifiedAt, secondFactorSince: totpSince, createdAt },
      passkeys: passkeys.map((passkey) => ({
        name: passkey.name,
        createdAt: passkey.createdAt,
        usedAt: passkey.usedAt,
      })),
      ...(sessions && { sessions }),
      events: events.map(withoutAdministrator),
    };
  }

  /**
   * Deletes the account with all its data and ends all its sessions. The audit log stays: it holds no name and no
   * address. If it fails half way, the account is deactivated, and the user can repeat the request.
   * @throws {InvalidInputError} @throws {TooManyAttemptsError} @throws {ReauthenticationRequiredError}
   */
  async delete(request: Request, currentPassword: string): Promise<void> {
    const { user } = await this.accounts.proveFully(request, currentPassword);
    await this.transactions.run(async (manager) => {
      if (user.roles.includes('admin') && !(await administratorsBeside(user.id, manager)).others)
        throw new InvalidInputError({ currentPassword: lastAdministrator });
      await this.users.change(user.id, { deactivatedAt: user.deactivatedAt ?? new Date() }, manager);
    });
    await this.sessions.endAll(user.id, request.session);
    const cause = causeOf(request);
    await this.transactions.run(async (manager) => {
      // First: a request that adds something to the account meanwhile has done so before this, or finds no account.
      await this.users.remove(user.id, manager);
      await this.tokens.removeAll(user.id, manager);
      await this.codes.remove(user.id, manager);
      await this.failures.forget(user.id, manager);
      await this.passkeys.removeAll(user.id, manager);
      const options = { ...cause, manager };
      await this.mails.notify(recipientOf(user), accountMails.deleted(), options);
    });
    await this.sessions.endAll(user.id);
    this.audit.note('account-deleted', request, { userId: user.id });
  }
}

/** The user may see the action of an administrator, but not the administrator's name and address. */
function withoutAdministrator(event: LoggedEvent): LoggedEvent {
  return event.event === 'admin' ? { ...event, ip: '', details: { command: event.details.command } } : event;
}
