// The same gateway with socket.io.
import { sessionOf, SocketSession } from '@roam/session/nest';
import type { UpgradedSession } from '@roam/session';
import { SubscribeMessage, WebSocketGateway, type OnGatewayConnection } from '@nestjs/websockets';
import type { Socket } from 'socket.io';
import { serverName } from './settings.js';
import { Journal } from './journal.js';

// A client of socket.io that hears nothing for both together connects again.
@WebSocketGateway({ path: '/sockets/io', transports: ['websocket'], pingInterval: 2_000, pingTimeout: 6_000 })
export class IoNotesGateway implements OnGatewayConnection {
  constructor(private readonly journal: Journal) {}

  handleConnection(client: Socket) {
    const session = sessionOf(client);
    session.onEnd(() => this.journal.ended.push(session.id));
    client.emit('welcome', { user: session.content.user, server: serverName });
  }

  @SubscribeMessage('note')
  async note(@SocketSession() session: UpgradedSession) {
    return { event: 'noted', data: await session.update<number>('notes', (notes = 0) => notes + 1) };
  }

  @SubscribeMessage('pin')
  async pin(@SocketSession() session: UpgradedSession) {
    await session.set('pinned', true);
    return { event: 'pinned', data: true };
  }

  @SubscribeMessage('read')
  async read(@SocketSession() session: UpgradedSession) {
    return { event: 'content', data: await session.read() };
  }
}
