// /api/admin: users, their sessions and the audit log, for administrators.
import { Body, Controller, Delete, Get, HttpCode, Param, Patch, Query, Session, UseGuards } from '@nestjs/common';
import type { Session as RequestSession } from '@roam/session';
import { Caller, CurrentCaller } from '../http/caller.js';
import type { LoggedEvent } from '../audit/audit-reader.js';
import { NotSupportedError, ReauthenticationRequiredError } from '../http/app.errors.js';
import { Describe } from '../http/describe.js';
import { countsOnce } from '../routes/counts-once.js';
import { Repeatable } from '../routes/decorators.js';
import { AdminGuard } from '../auth/admin.guard.js';
import {
  auditQuery,
  userChange,
  userQuery,
  type AuditQueryInput,
  type UserChange,
  type UserQuery,
} from './admin.schemas.js';
import { AdminService, type AccountRow } from './admin.service.js';

@Controller('api/admin')
@UseGuards(AdminGuard)
export class AdminController {
  constructor(private readonly admin: AdminService) {}

  @Get('users')
  @Describe('A page of accounts, ordered by address', 'The accounts, and where the next page begins')
  list(@Query({ schema: userQuery }) query: UserQuery): Promise<{ users: AccountRow[]; next: string | null }> {
    return this.admin.list(query);
  }

  @Get('users/:id')
  @Describe('An account and its sessions', 'The account')
  show(@Param('id') id: string, @Session() session: RequestSession): ReturnType<AdminService['show']> {
    return this.admin.show(id, session.id);
  }

  @Patch('users/:id')
  @Describe(
    'Grants or revokes the administrator role, deactivates or activates the account; ends all its sessions',
    'Done',
    [ReauthenticationRequiredError],
  )
  @Repeatable({ because: countsOnce.sameAgain })
  @HttpCode(204)
  change(
    @Param('id') id: string,
    @Body({ schema: userChange }) change: UserChange,
    @CurrentCaller() caller: Caller,
  ): Promise<void> {
    return this.admin.change(caller, id, change);
  }

  @Delete('users/:id/sessions')
  @Describe('Ends all sessions of a user', 'Ended', [ReauthenticationRequiredError])
  @Repeatable({ because: countsOnce.sameAgain })
  @HttpCode(204)
  endAll(@Param('id') id: string, @CurrentCaller() caller: Caller): Promise<void> {
    return this.admin.endSessions(caller, id);
  }

  @Delete('users/:id/sessions/:handle')
  @Describe('Ends one session of a user', 'Ended', [ReauthenticationRequiredError, NotSupportedError])
  @Repeatable({ because: countsOnce.sameAgain })
  @HttpCode(204)
  end(@Param('id') id: string, @Param('handle') handle: string, @CurrentCaller() caller: Caller): Promise<void> {
    return this.admin.endSessions(caller, id, handle);
  }

  @Delete('users/:id/wrong-codes')
  @Describe('Accepts codes of the authenticator app of a user again, after too many wrong ones', 'Codes are accepted', [
    ReauthenticationRequiredError,
  ])
  @Repeatable({ because: countsOnce.sameAgain })
  @HttpCode(204)
  allowCodes(@Param('id') id: string, @CurrentCaller() caller: Caller): Promise<void> {
    return this.admin.allowCodes(caller, id);
  }

  @Get('audit')
  @Describe('A page of the audit log, newest first', 'The events, and where the next page begins')
  log(@Query({ schema: auditQuery }) query: AuditQueryInput): Promise<{ events: LoggedEvent[]; next: string | null }> {
    return this.admin.log(query);
  }
}
