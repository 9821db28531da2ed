// Administration: users, their sessions and roles, deactivated accounts, the audit log.
import { Injectable } from '@nestjs/common';
import { UserSessions } from '@roam/session/nest';
import type { EntityManager } from 'typeorm';
import { accountMails } from '../account/account-mails.js';
import { AuditReader, type LoggedEvent } from '../audit/audit-reader.js';
import { AuditService } from '../audit/audit.service.js';
import { assertFresh } from '../auth/fresh.js';
import { Transactions } from '../database/transactions.js';
import { FactorFailures } from '../factors/factor-failures.js';
import { InvalidInputError, NotFoundError } from '../http/app.errors.js';
import type { Caller } from '../http/caller.js';
import { causeOf } from '../mail/cause-of.js';
import { MailService, recipientOf } from '../mail/mail.service.js';
import { SessionsService, type Device } from '../devices/sessions.service.js';
import { administratorsBeside } from '../users/administrators.js';
import { publicUser, type PublicUser, type Role, type User } from '../users/user.entity.js';
import { UsersService } from '../users/users.service.js';
import type { AuditQueryInput, UserChange, UserQuery } from './admin.schemas.js';

/** An account as administrators see it. Times are ISO 8601, in UTC. */
export interface AccountRow extends PublicUser {
  readonly createdAt: string;
  readonly emailVerified: boolean;
  readonly secondFactor: boolean;
  readonly active: boolean;
}

const pageSize = 50;

/** Every action requires a fresh re-authentication. The audit log records it with its subject and its administrator. */
@Injectable()
export class AdminService {
  constructor(
    private readonly users: UsersService,
    private readonly failures: FactorFailures,
    private readonly devices: SessionsService,
    private readonly sessions: UserSessions,
    private readonly events: AuditReader,
    private readonly mails: MailService,
    private readonly transactions: Transactions,
    private readonly audit: AuditService,
  ) {}

  /** A page of accounts, ordered by address; `next` is where the next page begins. */
  async list({ search, after }: UserQuery): Promise<{ users: AccountRow[]; next: string | null }> {
    const users = await this.users.list({ search, after, limit: pageSize + 1 });
    const page = users.slice(0, pageSize);
    return { users: page.map(row), next: users.length > pageSize ? page[pageSize - 1].email : null };
  }

  /** The account and its sessions; `current` is the one that asks. They are undefined if the session method keeps no list. @throws {NotFoundError} */
  async show(
    id: string,
    current: string | undefined,
  ): Promise<{ user: AccountRow; wrongCodes: number; sessions?: Device[] }> {
    const user = row(await this.find(id));
    const wrongCodes = await this.failures.of(id);
    if (!this.devices.canList) return { user, wrongCodes };
    return { user, wrongCodes, sessions: await this.devices.list(id, current) };
  }

  /** A page of the audit log, newest first. */
  async log({ userId, event, before }: AuditQueryInput): Promise<{ events: LoggedEvent[]; next: string | null }> {
    const events = await this.events.find({
      userId: userId || undefined,
      event: event || undefined,
      before: before || undefined,
      limit: pageSize,
    });
    return { events, next: events.length === pageSize ? events[pageSize - 1].id : null };
  }

  /**
   * Grants or revokes the administrator role, deactivates or activates the account. All sessions of the user end, since
   * they keep the user's roles (OWASP ASVS 7.2.4, 7.4.2).
   * @throws {NotFoundError} @throws {InvalidInputError} @throws {ReauthenticationRequiredError}
   */
  async change(caller: Caller, id: string, { admin, active }: UserChange): Promise<void> {
    const user = await this.subject(caller, id);
    if (id === caller.user!.id)
      throw new InvalidInputError({ body: 'You cannot change your own role or deactivate your own account.' });
    const role = admin !== undefined && admin !== user.roles.includes('admin') ? admin : undefined;
    const state = active !== undefined && active !== (user.deactivatedAt === null) ? active : undefined;
    const cause = causeOf(caller);
    if (role !== undefined || state !== undefined)
      await this.transactions.run(async (manager) => {
        await this.assertMayAct(caller, manager);
        if (role !== undefined) await this.users.setRoles(id, withRole(user.roles, role), manager);
        if (state !== undefined) await this.users.change(id, { deactivatedAt: state ? null : new Date() }, manager);
        const options = { ...cause, manager };
        if (state === false) await this.mails.notify(recipientOf(user), accountMails.deactivated(), options);
      });
    if (role !== undefined) this.note(caller, id, role ? 'grant' : 'revoke');
    if (state !== undefined) this.note(caller, id, state ? 'activate' : 'deactivate');
    // Even if nothing had to be changed: an earlier try may have stopped before this.
    await this.sessions.endAll(id);
  }

  /**
   * Of two administrators who take each other's right at once one is too late: whoever acts is left, so that somebody is.
   * @throws {NotFoundError} as for everybody else who is no administrator
   */
  private async assertMayAct(caller: Caller, manager: EntityManager): Promise<void> {
    const { isOne } = await administratorsBeside(caller.user!.id, manager);
    if (!isOne) throw new NotFoundError();
  }

  /** @throws {NotFoundError} @throws {ReauthenticationRequiredError} */
  async endSessions(caller: Caller, id: string, handle?: string): Promise<void> {
    await this.subject(caller, id);
    if (handle === undefined) await this.sessions.endAll(id);
    else if (!(await this.devices.endOf(id, handle)))
      throw new NotFoundError('This session does not exist or has already ended.');
    this.note(caller, id, handle === undefined ? 'end-all' : 'end-session');
  }

  /**
   * Accepts codes of the user's authenticator app again, after too many wrong ones.
   * @throws {NotFoundError} @throws {ReauthenticationRequiredError}
   */
  async allowCodes(caller: Caller, id: string): Promise<void> {
    await this.subject(caller, id);
    await this.failures.forget(id);
    this.note(caller, id, 'allow-codes');
  }

  private note(caller: Caller, userId: string, act: string): void {
    this.audit.note('admin', caller, { userId }, { command: act, by: caller.user!.id });
  }

  private async subject(caller: Caller, id: string): Promise<User> {
    assertFresh(caller.user!);
    return this.find(id);
  }

  private async find(id: string): Promise<User> {
    const user = await this.users.findById(id);
    if (!user) throw new NotFoundError('This user does not exist.');
    return user;
  }
}

function withRole(roles: readonly Role[], admin: boolean): Role[] {
  const others = roles.filter((role) => role !== 'admin');
  return admin ? [...others, 'admin'] : others;
}

function row(user: User): AccountRow {
  return {
    ...publicUser(user),
    createdAt: user.createdAt.toISOString(),
    emailVerified: user.emailVerifiedAt !== null,
    secondFactor: user.totpSince !== null,
    active: user.deactivatedAt === null,
  };
}
