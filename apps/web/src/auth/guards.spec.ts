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
import { SecondFactorRule } from './second-factor-rule.js';
import { SignedInGuard } from './signed-in.guard.js';

let app: INestApplication | undefined;
afterEach(() => app?.close());

/**
 * What is there for signed-in users, over a socket.
 * @param passport what the session says of its user
 * @param secondFactor the site's rule now, which the session may not know of
 */
async function answerTo(passport: unknown, secondFactor = 'optional'): Promise<unknown> {
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
    providers: [
      Gateway,
      { provide: SecondFactorRule, useValue: new SecondFactorRule({ accounts: { secondFactor } } as never) },
      { provide: APP_GUARD, useClass: EnrolmentGuard },
    ],
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

const refused = expect.objectContaining({ event: 'exception' }) as unknown;
const letIn = { event: 'answer', data: 'for users' };

it('let a signed-in user pass, and no visitor', async () => {
  expect(await answerTo({ user: { id: '1' } })).toEqual(letIn);
  expect(await answerTo(undefined)).toEqual(refused);
});

it('ask the rule of now for a second factor, also of a session that was made before it', async () => {
  const [user, admin] = [[], ['admin']].map((roles) => ({ id: '1', roles }));
  expect(await answerTo({ user }, 'required')).toEqual(refused);
  expect(await answerTo({ user: { ...user, twoFactors: true } }, 'required')).toEqual(letIn);
  expect(await answerTo({ user: admin }, 'admins')).toEqual(refused);
  expect(await answerTo({ user: { ...admin, twoFactors: true } }, 'admins')).toEqual(letIn);
  expect(await answerTo({ user }, 'admins')).toEqual(letIn);
  // The rule is gone that held when it was made.
  expect(await answerTo({ user: { ...user, mustEnrol: true } }, 'optional')).toEqual(letIn);
});
