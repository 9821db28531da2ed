// The handshakes of sockets, before a gateway gets them: no middleware of Express does.
import type { NestExpressApplication } from '@nestjs/platform-express';
import type { Request } from 'express';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { pathOf, type RouteTable } from '../routes/route-table.js';
import { httpsRequired } from './https-only.js';
import { answerOn, type SocketAnswer } from './socket-answer.js';
import { StreamLimits } from './stream-limits.js';

const noGateway: SocketAnswer = { status: 404, code: 'not_found', message: 'Nothing here opens a socket.' };

/**
 * Counts sockets among the streams, and refuses those to other paths than a gateway's: what a gateway's library does with them
 * nginx takes for a failure of the server. Without a gateway Node answers a handshake as any other request.
 * @param secure whether sockets over plain http are refused: the site's address is https
 */
export function limitHandshakes(app: NestExpressApplication, table: RouteTable, secure: boolean): void {
  const server = app.getHttpServer();
  if (server.listenerCount('upgrade') === 0) return;
  const streams = app.get(StreamLimits);
  const { request: prototype } = app.getHttpAdapter().getInstance();
  server.prependListener('upgrade', (request: IncomingMessage, socket: Duplex) => {
    // As Express does with each request: a gateway has `request.ip` and `request.secure`, as the trusted proxies tell them.
    Object.setPrototypeOf(request, prototype);
    const { isSocket } = table.policyOf(request.method ?? '', pathOf(request.url ?? ''));
    const isPlain = secure && !(request as Request).secure;
    const refusal = isPlain
      ? httpsRequired
      : isSocket
        ? streams.takeSocket(request, (request as Request).ip)
        : noGateway;
    if (!refusal) return;
    // Node leaves the errors of such a connection to whoever answers. A gateway does nothing with one that has ended.
    socket.on('error', () => socket.destroy());
    answerOn(socket, refusal);
  });
}
