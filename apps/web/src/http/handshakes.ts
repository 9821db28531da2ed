// The handshakes of sockets, before a gateway gets them: no middleware of Express does.
import type { NestExpressApplication } from '@nestjs/platform-express';
import type { Request } from 'express';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { answerOn } from './socket-answer.js';
import { StreamLimits } from './stream-limits.js';

/** Counts sockets among the streams. Without a gateway Node answers a handshake as any other request. */
export function limitHandshakes(app: NestExpressApplication): void {
  const server = app.getHttpServer();
  if (server.listenerCount('upgrade') === 0) return;
  const streams = app.get(StreamLimits);
  const { request: prototype } = app.getHttpAdapter().getInstance();
  server.prependListener('upgrade', (request: IncomingMessage, socket: Duplex) => {
    // As Express does with each request: a gateway has `request.ip` and `request.secure`, as the trusted proxies tell them.
    Object.setPrototypeOf(request, prototype);
    const refusal = streams.takeSocket(request, (request as Request).ip);
    // The gateway leaves alone what cannot be written to any more.
    if (refusal) answerOn(socket, refusal);
  });
}
