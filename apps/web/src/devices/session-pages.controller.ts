// The page of the user's devices.
import { Body, Controller, Get, Post, Session, UseGuards } from '@nestjs/common';
import type { Session as RequestSession } from '@roam/session';
import type { SignedIn } from '../auth/signed-in.js';
import { CurrentUser } from '../auth/current-user.js';
import { Caller, CurrentCaller } from '../http/caller.js';
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
  async devices(@CurrentUser() user: SignedIn, @Session() { id }: RequestSession): Promise<PageAnswer> {
    // Even if the method cannot list them, all others can be ended.
    return { devices: this.sessions.canList ? await this.sessions.list(user.id, id) : undefined };
  }

  @Post()
  @Page('devices/sessions', 'Devices')
  @Repeatable({ because: countsOnce.sameAgain })
  @UseGuards(FormGuard, SignedInGuard)
  async endDevices(@CurrentCaller() caller: Caller, @Body('handle') handle?: unknown): Promise<PageAnswer> {
    if (typeof handle === 'string') await this.sessions.end(caller, handle);
    else await this.sessions.endOthers(caller);
    return seeOther('/account/sessions');
  }
}
