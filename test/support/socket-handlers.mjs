// Loaded into a web server before the app, by tests only: a gateway whose sockets have the session of their handshake, and
// events of which nothing is declared.
import { Controller, Sse } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { WsAdapter } from '@nestjs/platform-ws';
import { ConnectedSocket, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { SessionManager } from '@roam/session';
import { interval, map, startWith } from 'rxjs';
import { AppModule } from '../../apps/web/dist/app.module.js';

/** Tells who is there and counts, in the session, what it is sent. */
class CountingGateway {
  /** @param {SessionManager} sessions */
  constructor(sessions) {
    this.sessions = sessions;
  }

  async handleConnection(client, request) {
    client.opening = this.sessions.openUpgrade(request);
    const session = await client.opening;
    if (!session) return client.close(1008);
    session.onEnd(() => client.send(JSON.stringify({ ended: true })));
    const greeting = { ip: request.ip, server: process.env.SERVER_NAME, hasUser: 'passport' in session.content };
    client.send(JSON.stringify(greeting));
  }

  async count(client) {
    const session = await client.opening;
    return { count: await session.update('socketCount', (n = 0) => n + 1) };
  }
}
const count = Object.getOwnPropertyDescriptor(CountingGateway.prototype, 'count');
SubscribeMessage('count')(CountingGateway.prototype, 'count', count);
ConnectedSocket()(CountingGateway.prototype, 'count', 0);
Reflect.defineMetadata('design:paramtypes', [SessionManager], CountingGateway);
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
  return app.useWebSocketAdapter(new WsAdapter(app));
};
