// Guards decide for the messages of sockets as they do for requests.
import { afterEach, expect, it } from '@jest/globals';
import { Controller, Get, Module, Session, UseGuards, type INestApplication } from '@nestjs/common';
import { APP_GUARD, NestFactory } from '@nestjs/core';
import { WsAdapter } from '@nestjs/platform-ws';
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { MemorySessionStore } from '@roam/session';
import { SessionModule, withSessions } from '@roam/session/nest';
import { once } from 'node:events';
import { WebSocket } from 'ws';
import { EnrolmentGuard } from './enrolment.guard.js';
import { SignedInGuard } from './signed-in.guard.js';

let app: INestApplication | undefined;
afterEach(() => app?.close());

/** What is there for signed-in users, over a socket. @param passport what the session says of its user */
async function answerTo(passport: unknown): Promise<unknown> {
  @WebSocketGateway({ path: '/socket' })
  class Gateway {
    @SubscribeMessage('ask')
    @UseGuards(SignedInGuard)
    ask() {
      return { event: 'answer', data: 'for users' };
    }
  }
  @Controller()
  class SignIn {
    @Get()
    signIn(@Session() session: Record<string, unknown>) {
      session.visited = true;
      if (passport) session.passport = passport;
    }
  }
  const sessions = SessionModule.forRoot({
    store: new MemorySessionStore(),
    secrets: ['a secret of thirty-two characters.'],
    secure: false,
  });
  @Module({
    imports: [sessions],
    controllers: [SignIn],
    providers: [Gateway, { provide: APP_GUARD, useClass: EnrolmentGuard }],
  })
  class Site {}
  app = await NestFactory.create(Site, { logger: false });
  app.useWebSocketAdapter(withSessions(new WsAdapter(app), app));
  await app.listen(0, '127.0.0.1');
  const url = await app.getUrl();
  const cookie = (await fetch(url)).headers.getSetCookie().map((each) => each.split(';')[0]);
  const client = new WebSocket(`${url.replace('http', 'ws')}/socket`, { headers: { cookie: cookie.join('; ') } });
  await once(client, 'open');
  client.send('{"event":"ask"}');
  const [message] = (await once(client, 'message')) as [Buffer];
  client.terminate();
  return JSON.parse(message.toString());
}

it('let a signed-in user pass, and neither a visitor nor a user without the second factor that the site requires', async () => {
  expect(await answerTo({ user: { id: '1' } })).toEqual({ event: 'answer', data: 'for users' });
  expect(await answerTo(undefined)).toMatchObject({ event: 'exception' });
  expect(await answerTo({ user: { id: '1', mustEnrol: true } })).toMatchObject({ event: 'exception' });
});
