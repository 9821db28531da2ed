// What people may take with them, and how they leave: the export of their data, and the end of their account.
import { Injectable } from '@nestjs/common';
import { SessionManager } from '@roam/session/nest';
import type { Request } from 'express';
import { AuditReader, type LoggedEvent } from '../audit/audit-reader.js';
import { AuditService } from '../audit/audit.service.js';
import { assertFresh } from '../auth/fresh.js';
import { RecoveryCodesService } from '../factors/recovery-codes.service.js';
import { MailService } from '../mail/mail.service.js';
import { PasskeyStore } from '../passkeys/passkey-store.js';
import { SessionsService, type Device } from '../sessions/sessions.service.js';
import { UsersService } from '../users/users.service.js';
import { AccountTokensService } from './account-tokens.service.js';
import { AccountService } from './account.service.js';
import { accountMails } from './account-mails.js';

/** All that the site knows about a person, but for what only the browser's session holds (the cart). */
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

@Injectable()
export class AccountDataService {
  constructor(
    private readonly accounts: AccountService,
    private readonly users: UsersService,
    private readonly tokens: AccountTokensService,
    private readonly codes: RecoveryCodesService,
    private readonly passkeys: PasskeyStore,
    private readonly devices: SessionsService,
    private readonly sessions: SessionManager,
    private readonly events: AuditReader,
    private readonly mails: MailService,
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
   * Removes the account and all that belongs to it but the audit log, which keeps no name and no address, and ends all
   * sessions. Should it fail half way, the account is switched off, and whoever asked for it can do so again.
   * @throws {InvalidInputError} @throws {TooManyAttemptsError} @throws {ReauthenticationRequiredError}
   */
  async delete(request: Request, currentPassword: string): Promise<void> {
    const { user } = await this.accounts.proveFully(request, currentPassword);
    await this.users.change(user.id, { deactivatedAt: user.deactivatedAt ?? new Date() });
    // At once: whoever else is signed in must not put anything back.
    await this.sessions.endAll(user.id, request.session);
    await this.tokens.revoke(user.id);
    await this.codes.remove(user.id);
    await this.passkeys.removeAll(user.id);
    await this.users.remove(user.id);
    await this.sessions.endAll(user.id);
    this.audit.note('account-deleted', request, { userId: user.id });
    this.mails.send(user.email, accountMails.deleted(user.name));
  }
}

/** What an administrator did is this person's business; who that was, and from where, is not. */
function withoutAdministrator(event: LoggedEvent): LoggedEvent {
  return event.event === 'admin' ? { ...event, ip: '', details: { command: event.details.command } } : event;
}
