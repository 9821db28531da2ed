// The page of the user's devices.
import { Body, Controller, Get, Post, Req, UseGuards } from '@nestjs/common';
import type { Request } from 'express';
import { SignedInGuard } from '../auth/signed-in.guard.js';
import { FormGuard } from '../pages/form.guard.js';
import { seeOther, type PageAnswer } from '../pages/page-answer.js';
import { Page } from '../pages/page.js';
import { countsOnce } from '../routes/counts-once.js';
import { Repeatable } from '../routes/decorators.js';
import { SessionsService } from './sessions.service.js';

@Controller('account/sessions')
export class SessionPagesController {
  constructor(private readonly sessions: SessionsService) {}

  @Get()
  @Page('devices/sessions', 'Devices')
  @UseGuards(SignedInGuard)
  async devices(@Req() request: Request): Promise<PageAnswer> {
    // Even if the method cannot list them, all others can be ended.
    return { devices: this.sessions.canList ? await this.sessions.list(request) : undefined };
  }

  @Post()
  @Page('devices/sessions', 'Devices')
  @Repeatable({ because: countsOnce.sameAgain })
  @UseGuards(FormGuard, SignedInGuard)
  async endDevices(@Req() request: Request, @Body('handle') handle?: unknown): Promise<PageAnswer> {
    if (typeof handle === 'string') await this.sessions.end(request, handle);
    else await this.sessions.endOthers(request);
    return seeOther('/account/sessions');
  }
}
