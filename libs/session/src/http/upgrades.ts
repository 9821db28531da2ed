// Connections that are no requests any more: each has the session that its handshake brought, and ends with it.
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { SessionUsageError } from '../core/errors.js';

/**
 * Of RFC 6455, section 7.4.1, and its registry: the server goes away; the session has ended; a fault of ours; too many are
 * open, or an outage.
 */
export const GOING_AWAY = 1001;
export const POLICY_VIOLATION = 1008;
export const INTERNAL_ERROR = 1011;
export const TRY_AGAIN_LATER = 1013;

/** How long the client has to close the connection too. Milliseconds. */
const CLOSE_WITHIN_MS = 1000;

/**
 * Another site's page can open a socket with the cookies of its visitor, and no browser asks the server before: the
 * handshake's `Origin` alone tells (RFC 6455, section 10.2; ASVS 4.4.2). Programs other than browsers send none. The scheme of
 * the default is not compared: behind a proxy the server does not know its own.
 * @param origins of the site; default: the host that the request names
 */
export function isOfSite({ headers }: IncomingMessage, origins: readonly string[] | undefined): boolean {
  const { origin, host } = headers;
  if (origin === undefined) return true;
  if (origins) return origins.includes(origin);
  try {
    return new URL(origin).host === host;
  } catch {
    return false;
  }
}

/** Node's own answer, true for `CONNECT` too: any client can send the header `Upgrade`, and its request stays a request. */
export function isUpgrade(request: IncomingMessage & { readonly upgrade?: boolean | null }): boolean {
  return request.upgrade === true;
}

/** Sockets that are open with a session, to be closed when the server stops. */
export class Upgrades {
  private readonly sockets = new Map<Duplex, boolean>();
  private closesWith: number | undefined;

  /**
   * Takes care of the connection's errors: Node leaves them to whoever handles the upgrade, and a client may break off meanwhile.
   * @throws SessionUsageError for a request whose connection serves other requests too
   */
  check(request: IncomingMessage): void {
    const { socket } = request;
    if (!socket) throw new SessionUsageError('openUpgrade needs the request of the handshake, with its connection.');
    if (!isUpgrade(request))
      throw new SessionUsageError(
        "openUpgrade needs the request of a handshake, but Node has not upgraded this one: its connection is not the socket's own. With socket.io set transports: ['websocket'] on both sides.",
      );
    socket.on('error', () => socket.destroy());
  }

  /** @returns whether it is open still: its client may have left, or the server have begun to stop, while its session was read */
  add({ socket, headers }: IncomingMessage): boolean {
    if (socket.destroyed) return false;
    this.sockets.set(socket, headers.upgrade?.toLowerCase() === 'websocket');
    socket.once('close', () => this.sockets.delete(socket));
    if (this.closesWith === undefined) return true;
    this.close(socket, this.closesWith);
    return false;
  }

  get size(): number {
    return this.sockets.size;
  }

  /** Sends WebSocket's own close frame, without the library that speaks on the connection, and ends it. */
  close(socket: Duplex, code: number): void {
    if (socket.destroyed) return;
    const isWebSocket = this.sockets.get(socket);
    if (!isWebSocket) return void socket.destroy();
    closeWebSocket(socket, code);
  }

  /** For good: also those that are opened later. Resolves when all are closed, within a second. */
  async closeAll(code: number): Promise<void> {
    this.closesWith = code;
    const closed = [...this.sockets.keys()].map((socket) => {
      const isClosed = new Promise((resolve) => socket.once('close', resolve));
      this.close(socket, code);
      return isClosed;
    });
    await Promise.all(closed);
  }
}

/** The client has a second to close the connection too, also where the library has sent a close frame already. */
export function closeWebSocket(socket: Duplex, code: number): void {
  if (!socket.writableEnded) socket.end(Buffer.from([0x88, 2, code >> 8, code & 0xff]));
  setTimeout(() => socket.destroy(), CLOSE_WITHIN_MS).unref();
}
