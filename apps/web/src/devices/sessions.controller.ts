// /api/sessions: the user's devices.
import { Controller, Delete, Get, HttpCode, Param, Session, UseGuards } from '@nestjs/common';
import type { Session as RequestSession } from '@roam/session';
import type { SignedIn } from '../auth/signed-in.js';
import { CurrentUser } from '../auth/current-user.js';
import { Caller, CurrentCaller } from '../http/caller.js';
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
  list(@CurrentUser() user: SignedIn, @Session() { id }: RequestSession): Promise<Device[]> {
    return this.sessions.list(user.id, id);
  }

  @Delete(':handle')
  @Describe('Ends one session', 'Ended', [ReauthenticationRequiredError, NotFoundError, NotSupportedError])
  @Repeatable({ because: countsOnce.sameAgain })
  @HttpCode(204)
  end(@Param('handle') handle: string, @CurrentCaller() caller: Caller): Promise<void> {
    return this.sessions.end(caller, handle);
  }

  @Delete()
  @Describe('Ends all sessions except this one', 'Ended', [ReauthenticationRequiredError])
  @Repeatable({ because: countsOnce.sameAgain })
  @HttpCode(204)
  endOthers(@CurrentCaller() caller: Caller): Promise<void> {
    return this.sessions.endOthers(caller);
  }
}
