// Signs users in and out by HTTP, on any server.
import { Controller, Get, HttpCode, Param, Post, Req, Session as NestSession } from '@nestjs/common';
import type { IncomingMessage } from 'node:http';
import { SessionManager } from '@roam/session/nest';
import type { Session } from '@roam/session';
import { Journal } from './journal.js';
import { serverName } from './settings.js';

@Controller()
export class AccountController {
  constructor(
    private readonly manager: SessionManager,
    private readonly journal: Journal,
  ) {}

  @Post('login/:user')
  async login(@Req() request: IncomingMessage & { session: Session }, @Param('user') user: string) {
    const epoch = await this.manager.users.epochOf(user);
    await request.session.regenerate();
    request.session.bind({ userId: user, epoch, remember: false }).user = user;
    return { id: request.session.id };
  }

  @Post('logout')
  @HttpCode(204)
  async logout(@NestSession() session: Session) {
    await session.destroy();
  }

  /** A visitor has a session too, once something is put into it. */
  @Post('visit')
  visit(@NestSession() session: Session) {
    session.visited = true;
    return {};
  }

  @Get('me')
  me(@NestSession() session: Session): Record<string, unknown> {
    return { ...session, server: serverName };
  }

  @Get('ended')
  ended() {
    return this.journal.ended;
  }
}
