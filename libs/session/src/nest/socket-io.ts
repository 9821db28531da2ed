// How a connection of socket.io waits for its session.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { closeWebSocket, isUpgrade, POLICY_VIOLATION } from '../http/upgrades.js';
import type { Admit, Connected } from './gateways.js';
import { prepareOnce } from './prepare-once.js';

/** What is used of `Socket`. */
interface IoClient {
  readonly request: IncomingMessage;
  readonly conn: { close(): void };
  disconnect(close: true): void;
}
interface Engine {
  use(middleware: (request: IncomingMessage, response: ServerResponse, next: () => void) => void): void;
}
interface Namespace {
  use(middleware: (client: IoClient, next: (error?: Error) => void) => void): void;
  on(event: 'connection', listener: (client: IoClient) => void): void;
}
interface Server {
  readonly engine: Engine;
  of(namespace: '/'): Namespace;
}
/** What is used of `Server`, which is its root namespace too, and of `Namespace`, which has a server. */
export type IoServer = Namespace & (Server | { readonly server: Server });

export function isSocketIo(server: object): server is IoServer {
  return 'use' in server;
}

/** A client sends nothing before the middleware has let it in. */
export function bindSocketIo(
  gateway: IoServer,
  admit: Admit,
  connected: Connected,
  isAdmitted: (client: object) => boolean,
): void {
  const server = 'server' in gateway ? gateway.server : gateway;
  prepareOnce(server, () => server.engine.use(refusePolling));
  // A client can always connect to the root namespace, also where no gateway is.
  for (const namespace of [server.of('/'), ...('server' in gateway ? [gateway] : [])])
    prepareOnce(namespace, () => guard(namespace, admit, isAdmitted));
  gateway.on('connection', (client) => {
    if (isAdmitted(client)) connected(client);
  });
}

function guard(namespace: Namespace, admit: Admit, isAdmitted: (client: object) => boolean): void {
  namespace.use((client, next) => void admit(client, client.request).then(answer(client, next)));
  // socket.io skips its middleware when it recovers a connection (`connectionStateRecovery`).
  namespace.on('connection', (client) => {
    if (!isAdmitted(client)) client.disconnect(true);
  });
}

/**
 * A client that gets an error stops, and one whose connection is closed connects again by itself: that helps after an
 * outage, but not without a session.
 */
function answer(client: IoClient, next: (error?: Error) => void): (answer: 'in' | number) => void {
  return (code) => {
    if (code === 'in') return next();
    if (code !== POLICY_VIOLATION) return closeWebSocket(client.request.socket, code);
    next(Object.assign(new Error('No session.'), { data: { code } }));
    setImmediate(() => client.conn.close());
  };
}

/** The requests of one connection by polling reach several servers, which know nothing of each other's connections. */
function refusePolling(request: IncomingMessage, response: ServerResponse, next: () => void): void {
  if (isUpgrade(request)) return next();
  const message = "Polling is not served, since every request may reach another server: set transports: ['websocket'].";
  response.writeHead(400, { 'Content-Type': 'application/json' }).end(JSON.stringify({ code: 0, message }));
}
