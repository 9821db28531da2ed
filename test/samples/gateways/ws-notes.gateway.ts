// A gateway with `ws`: each user counts notes in the session.
import { sessionOf, SocketSession } from '@roam/session/nest';
import type { UpgradedSession } from '@roam/session';
import { SubscribeMessage, WebSocketGateway, type OnGatewayConnection } from '@nestjs/websockets';
import type { WebSocket } from 'ws';
import { serverName } from './settings.js';
import { Journal } from './journal.js';

@WebSocketGateway({ path: '/sockets/ws' })
export class WsNotesGateway implements OnGatewayConnection {
  constructor(private readonly journal: Journal) {}

  handleConnection(client: WebSocket) {
    const session = sessionOf(client);
    session.onEnd(() => this.journal.ended.push(session.id));
    client.send(JSON.stringify({ event: 'welcome', data: { user: session.content.user, server: serverName } }));
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
