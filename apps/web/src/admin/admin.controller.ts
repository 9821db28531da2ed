// /api/admin: users, their sessions and the audit log, for administrators.
import { Body, Controller, Delete, Get, HttpCode, Param, Patch, Query, Session, UseGuards } from '@nestjs/common';
import type { Session as RequestSession } from '@roam/session';
import { Caller, CurrentCaller } from '../http/caller.js';
import type { LoggedEvent } from '../audit/audit-reader.js';
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
import { Described } from '../openapi/api-route.js';
import { adminRoutes } from './admin.routes.js';

@Controller('api/admin')
@Described(adminRoutes)
@UseGuards(AdminGuard)
export class AdminController {
  constructor(private readonly admin: AdminService) {}

  @Get('users')
  list(@Query({ schema: userQuery }) query: UserQuery): Promise<{ users: AccountRow[]; next: string | null }> {
    return this.admin.list(query);
  }

  @Get('users/:id')
  show(@Param('id') id: string, @Session() session: RequestSession): ReturnType<AdminService['show']> {
    return this.admin.show(id, session.id);
  }

  @Patch('users/:id')
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
  @Repeatable({ because: countsOnce.sameAgain })
  @HttpCode(204)
  endAll(@Param('id') id: string, @CurrentCaller() caller: Caller): Promise<void> {
    return this.admin.endSessions(caller, id);
  }

  @Delete('users/:id/sessions/:handle')
  @Repeatable({ because: countsOnce.sameAgain })
  @HttpCode(204)
  end(@Param('id') id: string, @Param('handle') handle: string, @CurrentCaller() caller: Caller): Promise<void> {
    return this.admin.endSessions(caller, id, handle);
  }

  @Delete('users/:id/wrong-codes')
  @Repeatable({ because: countsOnce.sameAgain })
  @HttpCode(204)
  allowCodes(@Param('id') id: string, @CurrentCaller() caller: Caller): Promise<void> {
    return this.admin.allowCodes(caller, id);
  }

  @Get('audit')
  log(@Query({ schema: auditQuery }) query: AuditQueryInput): Promise<{ events: LoggedEvent[]; next: string | null }> {
    return this.admin.log(query);
  }
}
