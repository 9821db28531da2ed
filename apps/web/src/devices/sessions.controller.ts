// /api/sessions: the user's devices.
import { Controller, Delete, Get, HttpCode, Param, Req, UseGuards } from '@nestjs/common';
import type { Request } from 'express';
import { SignedInGuard } from '../auth/signed-in.guard.js';
import { countsOnce } from '../routes/counts-once.js';
import { Repeatable } from '../routes/decorators.js';
import { SessionsService, type Device } from './sessions.service.js';
import { Described } from '../openapi/api-route.js';
import { sessionsRoutes } from './sessions.routes.js';

@Controller('api/sessions')
@Described(sessionsRoutes)
@UseGuards(SignedInGuard)
export class SessionsController {
  constructor(private readonly sessions: SessionsService) {}

  @Get()
  list(@Req() request: Request): Promise<Device[]> {
    return this.sessions.list(request);
  }

  @Delete(':handle')
  @Repeatable({ because: countsOnce.sameAgain })
  @HttpCode(204)
  end(@Param('handle') handle: string, @Req() request: Request): Promise<void> {
    return this.sessions.end(request, handle);
  }

  @Delete()
  @Repeatable({ because: countsOnce.sameAgain })
  @HttpCode(204)
  endOthers(@Req() request: Request): Promise<void> {
    return this.sessions.endOthers(request);
  }
}
