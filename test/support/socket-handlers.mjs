// Loaded into a web server before the app, by tests only: a gateway whose sockets have the session of their handshake, and
// events of which nothing is declared.
import { Controller, Sse } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { WsAdapter } from '@nestjs/platform-ws';
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { sessionOf, SocketSession, withSessions } from '@roam/session/nest';
import { interval, map, startWith } from 'rxjs';
import { AppModule } from '../../apps/web/dist/app.module.js';

/** Tells who is there and counts, in the session, what it is sent. */
class CountingGateway {
  handleConnection(client, request) {
    const session = sessionOf(client);
    session.onEnd(() => client.send(JSON.stringify({ ended: true })));
    const greeting = { ip: request.ip, server: process.env.SERVER_NAME, hasUser: 'passport' in session.content };
    client.send(JSON.stringify(greeting));
  }

  async count(session) {
    return { count: await session.update('socketCount', (n = 0) => n + 1) };
  }
}
const count = Object.getOwnPropertyDescriptor(CountingGateway.prototype, 'count');
SubscribeMessage('count')(CountingGateway.prototype, 'count', count);
SocketSession()(CountingGateway.prototype, 'count', 0);
WebSocketGateway({ path: '/api/test/socket' })(CountingGateway);

class EventsController {
  events() {
    return interval(10_000).pipe(
      startWith(-1),
      map((n) => ({ data: { n } })),
    );
  }
}
const events = Object.getOwnPropertyDescriptor(EventsController.prototype, 'events');
Sse('events')(EventsController.prototype, 'events', events);
Controller('api/test')(EventsController);

const forRoot = AppModule.forRoot.bind(AppModule);
AppModule.forRoot = (...settings) => {
  const app = forRoot(...settings);
  return { ...app, controllers: [EventsController], providers: [...app.providers, CountingGateway] };
};

const create = NestFactory.create.bind(NestFactory);
NestFactory.create = async (...parameters) => {
  const app = await create(...parameters);
  return app.useWebSocketAdapter(withSessions(new WsAdapter(app), app));
};
