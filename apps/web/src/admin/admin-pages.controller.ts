// The administrators' pages: users, one user with their sessions, and the audit log.
import { Body, Controller, Get, Param, Post, Query, Session, UseGuards } from '@nestjs/common';
import type { Session as RequestSession } from '@roam/session';
import { Caller, CurrentCaller } from '../http/caller.js';
import { CurrentUser } from '../auth/current-user.js';
import type { SignedIn } from '../auth/signed-in.js';
import { FormGuard } from '../pages/form.guard.js';
import { administrators, InNavigation } from '../pages/navigation.js';
import { seeOther, type PageAnswer } from '../pages/page-answer.js';
import { Page } from '../pages/page.js';
import { countsOnce } from '../routes/counts-once.js';
import { Repeatable } from '../routes/decorators.js';
import { AdminGuard } from '../auth/admin.guard.js';
import { auditQuery, userQuery, type AuditQueryInput, type UserQuery } from './admin.schemas.js';
import { AdminService } from './admin.service.js';

@Controller('admin')
@InNavigation({ label: 'Admin', path: '/admin', place: 20, isShownTo: administrators })
@UseGuards(AdminGuard)
export class AdminPagesController {
  constructor(private readonly admin: AdminService) {}

  @Get()
  @Page('admin/users', 'Users')
  async users(@Query({ schema: userQuery }) query: UserQuery): Promise<PageAnswer> {
    return { ...query, ...(await this.admin.list(query)) };
  }

  @Get('users/:id')
  @Page('admin/user', 'User')
  async user(
    @Param('id') id: string,
    @Session() session: RequestSession,
    @CurrentUser() user: SignedIn,
  ): Promise<PageAnswer> {
    const found = await this.admin.show(id, session.id);
    return { self: id === user.id, subject: found.user, ...found };
  }

  @Post('users/:id')
  @Page('admin/user', 'User')
  @Repeatable({ because: countsOnce.sameAgain })
  @UseGuards(FormGuard)
  async act(
    @Param('id') id: string,
    @CurrentCaller() caller: Caller,
    @Body() { action, handle }: { readonly action?: unknown; readonly handle?: unknown } = {},
  ): Promise<PageAnswer> {
    if (typeof handle === 'string') await this.admin.endSessions(caller, id, handle);
    else if (action === 'end-all') await this.admin.endSessions(caller, id);
    else if (action === 'allow-codes') await this.admin.allowCodes(caller, id);
    else if (action === 'grant' || action === 'revoke')
      await this.admin.change(caller, id, { admin: action === 'grant' });
    else if (action === 'activate' || action === 'deactivate')
      await this.admin.change(caller, id, { active: action === 'activate' });
    return seeOther(`/admin/users/${encodeURIComponent(id)}`);
  }

  @Get('audit')
  @Page('admin/audit', 'Audit log')
  async log(@Query({ schema: auditQuery }) query: AuditQueryInput): Promise<PageAnswer> {
    return { ...query, ...(await this.admin.log(query)) };
  }
}
