// Sessions for Nest gateways: a connection reaches a gateway when its session is known, and never without one.
import type { IncomingMessage } from 'node:http';
import {
  createParamDecorator,
  type ExecutionContext,
  type INestApplication,
  type WebSocketAdapter,
} from '@nestjs/common';
import { SessionUsageError, StoreUnavailableError } from '../core/errors.js';
import type { UpgradedSession } from '../core/upgraded-session.js';
import { INTERNAL_ERROR, POLICY_VIOLATION, TRY_AGAIN_LATER } from '../http/upgrades.js';
import { SessionManager } from '../manager.js';
import { handshakesOf } from './handshakes.js';
import { bindSocketIo, isSocketIo, type IoServer } from './socket-io.js';
import { bindWs, type WsServer } from './ws.js';

/** `in` for a connection that has a session now, otherwise the code with which to close it. */
export type Admit = (client: object, request: IncomingMessage) => Promise<'in' | number>;
export type Connected = (client: object, ...args: unknown[]) => void;

export interface GatewayOptions {
  /** Whether a connection with this session is let in. A visitor can have a session before signing in. Default: it is. */
  readonly mayConnect?: (session: UpgradedSession) => boolean;
  /**
   * Milliseconds between two pings of each client of `ws`, with which a proxy knows a silent connection from one whose server
   * stands still; socket.io has `pingInterval`. Default: 25 seconds.
   */
  readonly pingMs?: number;
}

const sessions = new WeakMap<object, UpgradedSession>();

/**
 * Gives every connection of the app's gateways its session before `handleConnection` is called and the first message is
 * handled; what the client sends meanwhile waits. A connection without a session, or of another site's page, never
 * reaches a gateway: it is closed with 1008; while the store cannot tell, with 1013.
 *
 *     app.useWebSocketAdapter(withSessions(new WsAdapter(app), app));
 *
 * @param adapter `WsAdapter`, `IoAdapter`, or one that extends them; it is changed and returned
 * @param app has `SessionModule`
 * @throws SessionUsageError for `cookie.secure: 'auto'` with another HTTP adapter than Express'
 */
export function withSessions<A extends WebSocketAdapter>(
  adapter: A,
  app: INestApplication,
  { mayConnect = () => true, pingMs = 25_000 }: GatewayOptions = {},
): A {
  const manager = app.get(SessionManager);
  const prepare = handshakesOf(app, manager);
  // Several gateways, and namespaces of socket.io, share one connection.
  const opened = new WeakMap<IncomingMessage, Promise<UpgradedSession | number>>();
  const admit: Admit = async (client, request) => {
    prepare(request);
    const opening = opened.get(request) ?? sessionOrCode(manager, request, mayConnect);
    opened.set(request, opening);
    const session = await opening;
    if (typeof session === 'number') return session;
    sessions.set(client, session);
    return 'in';
  };
  adapter.bindClientConnect = (server: WsServer | IoServer, connected: Connected) => {
    if (isSocketIo(server)) bindSocketIo(server, admit, connected, (client) => sessions.has(client));
    else bindWs(server, admit, connected, pingMs);
  };
  return adapter;
}

/**
 * The session of a gateway's client.
 * @throws SessionUsageError where the app's adapter is not `withSessions`
 */
export function sessionOf(client: object): UpgradedSession {
  const session = sessions.get(client);
  if (!session)
    throw new SessionUsageError(
      'This client has no session: call app.useWebSocketAdapter(withSessions(adapter, app)).',
    );
  return session;
}

/** `@SocketSession() session: UpgradedSession`, in a handler of messages. */
export const SocketSession = createParamDecorator((_data: unknown, context: ExecutionContext) =>
  sessionOf(context.switchToWs().getClient<object>()),
);

/** Never rejects: nobody would catch it, and the process would end. */
async function sessionOrCode(
  manager: SessionManager,
  request: IncomingMessage,
  mayConnect: NonNullable<GatewayOptions['mayConnect']>,
): Promise<UpgradedSession | number> {
  try {
    const session = await manager.openUpgrade(request);
    return session && mayConnect(session) ? session : POLICY_VIOLATION;
  } catch (error) {
    if (error instanceof StoreUnavailableError) return TRY_AGAIN_LATER;
    manager.report({ type: 'handshake-failed', error });
    return INTERNAL_ERROR;
  }
}
