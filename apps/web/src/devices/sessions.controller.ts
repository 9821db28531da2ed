// /api/sessions: the user's devices.
import { Controller, Delete, Get, HttpCode, Param, Req, UseGuards } from '@nestjs/common';
import type { Request } from 'express';
import { SignedInGuard } from '../auth/signed-in.guard.js';
import { NotFoundError, NotSupportedError, ReauthenticationRequiredError } from '../http/app.errors.js';
import { Describe } from '../http/describe.js';
import { countsOnce } from '../routes/counts-once.js';
import { Repeatable } from '../routes/decorators.js';
import { SessionsService, type Device } from './sessions.service.js';

@Controller('api/sessions')
@UseGuards(SignedInGuard)
export class SessionsController {
  constructor(private readonly sessions: SessionsService) {}

  @Get()
  @Describe('Lists the sessions of the user', 'The sessions', [NotSupportedError])
  list(@Req() request: Request): Promise<Device[]> {
    return this.sessions.list(request);
  }

  @Delete(':handle')
  @Describe('Ends one session', 'Ended', [ReauthenticationRequiredError, NotFoundError, NotSupportedError])
  @Repeatable({ because: countsOnce.sameAgain })
  @HttpCode(204)
  end(@Param('handle') handle: string, @Req() request: Request): Promise<void> {
    return this.sessions.end(request, handle);
  }

  @Delete()
  @Describe('Ends all sessions except this one', 'Ended', [ReauthenticationRequiredError])
  @Repeatable({ because: countsOnce.sameAgain })
  @HttpCode(204)
  endOthers(@Req() request: Request): Promise<void> {
    return this.sessions.endOthers(request);
  }
}
