// The administrators' pages: users, one user with their sessions, and the audit log.
import { Controller, Get, Param, Post, Query, Req, Res, UseGuards } from '@nestjs/common';
import type { Request, Response } from 'express';
import { AdminGuard } from '../admin/admin.guard.js';
import { auditQuery, userQuery, type AuditQueryInput, type UserQuery } from '../admin/admin.schemas.js';
import { AdminService } from '../admin/admin.service.js';
import { countsOnce } from '../routes/counts-once.js';
import { Repeatable } from '../routes/decorators.js';
import { FormGuard } from './form.guard.js';
import { PageResponder } from './page-responder.js';

@Controller('admin')
@UseGuards(AdminGuard)
export class AdminPagesController {
  constructor(
    private readonly pages: PageResponder,
    private readonly admin: AdminService,
  ) {}

  @Get()
  async users(
    @Query({ schema: userQuery }) query: UserQuery,
    @Req() request: Request,
    @Res() response: Response,
  ): Promise<void> {
    const found = await this.admin.list(query);
    this.pages.show(request, response, 'admin-users', { title: 'Users', ...query, ...found });
  }

  @Get('users/:id')
  async user(@Param('id') id: string, @Req() request: Request, @Res() response: Response): Promise<void> {
    const found = await this.admin.show(request, id);
    const self = id === request.user!.id;
    this.pages.show(request, response, 'admin-user', { title: 'User', self, subject: found.user, ...found });
  }

  @Post('users/:id')
  @Repeatable({ because: countsOnce.sameAgain })
  @UseGuards(FormGuard)
  async act(@Param('id') id: string, @Req() request: Request, @Res() response: Response): Promise<void> {
    const { action, handle } = (request.body ?? {}) as { action?: unknown; handle?: unknown };
    if (typeof handle === 'string') await this.admin.endSessions(request, id, handle);
    else if (action === 'end-all') await this.admin.endSessions(request, id);
    else if (action === 'allow-codes') await this.admin.allowCodes(request, id);
    else if (action === 'grant' || action === 'revoke')
      await this.admin.change(request, id, { admin: action === 'grant' });
    else if (action === 'activate' || action === 'deactivate')
      await this.admin.change(request, id, { active: action === 'activate' });
    this.pages.seeOther(request, response, `/admin/users/${encodeURIComponent(id)}`);
  }

  @Get('audit')
  async log(
    @Query({ schema: auditQuery }) query: AuditQueryInput,
    @Req() request: Request,
    @Res() response: Response,
  ): Promise<void> {
    this.pages.show(request, response, 'admin-audit', {
      title: 'Audit log',
      ...query,
      ...(await this.admin.log(query)),
    });
  }
}
