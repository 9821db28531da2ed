// How a connection of socket.io waits for its session.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { closeWebSocket, POLICY_VIOLATION } from '../http/upgrades.js';
import type { Admit, Connected } from './gateways.js';

/** What is used of `Socket`. */
interface IoClient {
  readonly request: IncomingMessage;
  readonly conn: { close(): void };
  disconnect(close: true): void;
}
interface Engine {
  use(middleware: (request: IncomingMessage, response: ServerResponse, next: () => void) => void): void;
}
/** What is used of `Server`, and of `Namespace`, which has a server. */
export interface IoServer {
  readonly engine?: Engine;
  readonly server?: { readonly engine: Engine };
  use(middleware: (client: IoClient, next: (error?: Error) => void) => void): void;
  on(event: 'connection', listener: (client: IoClient) => void): void;
}

export function isSocketIo(server: object): server is IoServer {
  return 'use' in server;
}

const prepared = new WeakSet<object>();

/** A client sends nothing before the middleware has let it in. */
export function bindSocketIo(
  server: IoServer,
  admit: Admit,
  connected: Connected,
  isAdmitted: (client: object) => boolean,
): void {
  const engine = server.engine ?? server.server!.engine;
  once(engine, () => engine.use(refusePolling));
  once(server, () => server.use((client, next) => void admit(client, client.request).then(answer(client, next))));
  server.on('connection', (client) => {
    // socket.io skips its middleware when it recovers a connection (`connectionStateRecovery`).
    if (isAdmitted(client)) connected(client);
    else client.disconnect(true);
  });
}

/** Several gateways share a server. */
function once(shared: object, prepare: () => void): void {
  if (prepared.has(shared)) return;
  prepared.add(shared);
  prepare();
}

/** A client that is told why does not connect again by itself; one whose connection breaks does. */
function answer(client: IoClient, next: (error?: Error) => void): (answer: 'in' | number) => void {
  return (code) => {
    if (code === 'in') return next();
    if (code !== POLICY_VIOLATION) return closeWebSocket(client.request.socket, code);
    next(Object.assign(new Error('No session.'), { data: { code } }));
    setImmediate(() => client.conn.close());
  };
}

/** The requests of one connection by polling reach several servers, which know nothing of each other's connections. */
function refusePolling({ headers }: IncomingMessage, response: ServerResponse, next: () => void): void {
  if (headers.upgrade !== undefined) return next();
  const message = "Polling is not served, since every request may reach another server: set transports: ['websocket'].";
  response.writeHead(400, { 'Content-Type': 'application/json' }).end(JSON.stringify({ code: 0, message }));
}
