// The module in a real Nest app: handlers take the session by Nest's own decorator.
import { Controller, Get, Module, Session as NestSession, type INestApplication } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { afterEach, expect, it } from '@jest/globals';
import { MemorySessionStore } from '../methods/memory/memory-session-store.js';
import { Session } from '../core/session.js';
import { SessionManager, SessionModule } from './index.js';

@Controller()
class CountController {
  @Get()
  count(@NestSession() session: Session) {
    session.count = ((session.count as number | undefined) ?? 0) + 1;
    return { count: session.count, isSession: session instanceof Session };
  }
}

const options = { store: new MemorySessionStore(), secrets: ['a secret of at least 32 characters'], secure: false };

let app: INestApplication | undefined;
afterEach(() => app?.close());

@Module({ imports: [SessionModule.forRoot(options)], controllers: [CountController] })
class SyncModule {}

@Module({ imports: [SessionModule.forRootAsync({ useFactory: () => options })], controllers: [CountController] })
class AsyncModule {}

it.each([SyncModule, AsyncModule])('puts the session into @Session(), and offers the manager: %p', async (module) => {
  app = await NestFactory.create(module, { logger: false });
  await app.listen(0, '127.0.0.1');
  expect(app.get(SessionManager).capabilities.method).toBe('memory');
  const url = await app.getUrl();
  const first = await fetch(url);
  expect(await first.json()).toEqual({ count: 1, isSession: true });
  const cookie = first.headers
    .getSetCookie()
    .map((line) => line.split(';')[0])
    .join('; ');
  expect(await (await fetch(url, { headers: { cookie } })).json()).toEqual({ count: 2, isSession: true });
});
