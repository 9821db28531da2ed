// One server of the sample: HTTP and a gateway, with sessions that it shares with the other servers.
import { Module, type INestApplication, type OnApplicationShutdown } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { IoAdapter } from '@nestjs/platform-socket.io';
import { WsAdapter } from '@nestjs/platform-ws';
import type { UpgradedSession } from '@roam/session';
import { SessionModule, withSessions } from '@roam/session/nest';
import { AccountController } from './account.controller.js';
import { IoNotesGateway } from './io-notes.gateway.js';
import { Journal } from './journal.js';
import { openSessions, secrets } from './sessions.js';
import { settings } from './settings.js';
import { WsNotesGateway } from './ws-notes.gateway.js';

const isWs = settings.library === 'ws';
const { store, close } = await openSessions(settings);

@Module({
  imports: [SessionModule.forRoot({ store, secrets, secure: false })],
  controllers: [AccountController],
  providers: [Journal, isWs ? WsNotesGateway : IoNotesGateway],
})
class AppModule implements OnApplicationShutdown {
  onApplicationShutdown = close;
}

const app: INestApplication = await NestFactory.create(AppModule, { logger: ['error', 'warn'] });
const adapter = isWs ? new WsAdapter(app) : new IoAdapter(app);
const mayConnect = ({ content }: UpgradedSession) => content.user !== undefined;
app.useWebSocketAdapter(withSessions(adapter, app, { mayConnect, pingMs: 2_000 }));
app.enableShutdownHooks();
await app.listen(settings.port, '127.0.0.1');

process.once('disconnect', () => process.exit());
process.send?.('listens');
