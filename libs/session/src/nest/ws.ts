// How a connection of `ws` waits for its session.
import type { IncomingMessage } from 'node:http';
import { closeWebSocket } from '../http/upgrades.js';
import type { Admit, Connected } from './gateways.js';
import { prepareOnce } from './prepare-once.js';

/** What is used of `WebSocket` and `WebSocketServer`. */
interface WsClient {
  ping(): void;
  readonly readyState: number;
  pause(): void;
  resume(): void;
}
export interface WsServer {
  /** Gateways send to all of these. */
  readonly clients?: Set<WsClient>;
  on(event: 'connection', listener: (client: WsClient, request: IncomingMessage) => void): void;
  once(event: 'close', listener: () => void): void;
}

const OPEN = 1;

/** What the client sends meanwhile stays in its connection, and nothing that is sent to all clients reaches it. */
export function bindWs(server: WsServer, admit: Admit, connected: Connected, pingMs: number): void {
  prepareOnce(server, () => pingAll(server, pingMs));
  server.on('connection', (client, request) => {
    client.pause();
    server.clients?.delete(client);
    void admit(client, request).then((answer) => {
      if (answer !== 'in') closeWebSocket(request.socket, answer);
      else if (client.readyState === OPEN) {
        server.clients?.add(client);
        connected(client, request);
      }
      client.resume();
    });
  });
}

function pingAll(server: WsServer, pingMs: number): void {
  const pings = setInterval(() => server.clients?.forEach((client) => client.ping()), pingMs).unref();
  server.once('close', () => clearInterval(pings));
}
