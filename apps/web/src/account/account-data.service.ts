// Exports the data of an account, and deletes the account.
import { Injectable } from '@nestjs/common';
import { UserSessions } from '@roam/session/nest';
import { AuditService } from '../audit/audit.service.js';
import { assertFresh } from '../auth/fresh.js';
import { Transactions } from '../database/transactions.js';
import { InvalidInputError } from '../http/app.errors.js';
import type { Caller } from '../http/caller.js';
import { causeOf } from '../mail/cause-of.js';
import { MailService, recipientOf } from '../mail/mail.service.js';
import { administratorsBeside } from '../users/administrators.js';
import { AllPersonalData } from '../users/personal-data.js';
import { UsersService } from '../users/users.service.js';
import { AccountService } from './account.service.js';
import { accountMails } from './account-mails.js';

/** All data about a user, except the data that only the session in the browser holds (the cart). */
export interface DataExport {
  readonly exportedAt: string;
  readonly account: Readonly<Record<string, unknown>>;
  /** What the features add. */
  readonly [part: string]: unknown;
}

const lastAdministrator =
  'You are the only administrator. Make another user an administrator before you delete your account.';

@Injectable()
export class AccountDataService {
  constructor(
    private readonly accounts: AccountService,
    private readonly users: UsersService,
    private readonly data: AllPersonalData,
    private readonly sessions: UserSessions,
    private readonly mails: MailService,
    private readonly transactions: Transactions,
    private readonly audit: AuditService,
  ) {}

  /** @throws {ReauthenticationRequiredError} */
  async export(caller: Caller): Promise<DataExport> {
    assertFresh(caller.user!);
    const { id, email, name, roles, emailVerifiedAt, totpSince, createdAt } = await this.accounts.current(caller.user);
    this.audit.note('data-exported', caller);
    const parts = await this.data.exportOf({ id, sessionId: caller.session?.id });
    return {
      exportedAt: new Date().toISOString(),
      account: { id, email, name, roles, emailVerifiedAt, secondFactorSince: totpSince, createdAt },
      ...parts,
    };
  }

  /**
   * Deletes the account with all its data and ends all its sessions. The audit log stays: it holds no name and no
   * address. If it fails half way, the account is deactivated, and the user can repeat the request.
   * @throws {InvalidInputError} @throws {TooManyAttemptsError} @throws {ReauthenticationRequiredError}
   */
  async delete(caller: Caller, currentPassword: string): Promise<void> {
    const { user } = await this.accounts.proveFully(caller, currentPassword);
    await this.transactions.run(async (manager) => {
      if (user.roles.includes('admin') && !(await administratorsBeside(user.id, manager)).others)
        throw new InvalidInputError({ currentPassword: lastAdministrator });
      await this.users.change(user.id, { deactivatedAt: user.deactivatedAt ?? new Date() }, manager);
    });
    await this.sessions.endAll(user.id, caller.session);
    // Each in a transaction of its own, while this request holds no connection.
    await this.data.deleteMuchOf(user.id);
    const cause = causeOf(caller);
    await this.transactions.run(async (manager) => {
      // First: a request that adds something to the account meanwhile has done so before this, or finds no account.
      await this.users.remove(user.id, manager);
      await this.data.deleteOf(user.id, manager);
      const options = { ...cause, manager };
      await this.mails.notify(recipientOf(user), accountMails.deleted(), options);
    });
    await this.sessions.endAll(user.id);
    this.audit.note('account-deleted', caller, { userId: user.id });
  }
}
