// Hands a request that this server cannot serve, because its store does not answer, over to another: by answering 504.
import type { NextFunction, Request, RequestHandler, Response } from 'express';
import type { Config } from '../config/config.js';
import { limits } from '../config/limits.js';
import type { Readiness } from '../health/readiness.js';
import { cookieName, readCookie } from './cookies.js';

declare global {
  // eslint-disable-next-line @typescript-eslint/no-namespace
  namespace Express {
    interface Request {
      /** The store did not answer: another server's may. */
      storeFailed?: boolean;
    }
  }
}

/**
 * 503 is final. 504 makes nginx ask the next server, under the same `X-Request-Id`, so that it counts once: until a
 * server that was cut off has left its port, the others serve for it. Only for what a trusted proxy sent, since nobody
 * else would repeat it, and not on the standby port, which is asked last. Where no server can serve, nginx makes 503 of
 * it in the end.
 *
 * When the databases are known to be out of reach, whoever is signed in is handed over before any work is done: in an outage
 * each request comes to every server, just when all who have waited are refused at once.
 */
export function handOver(config: Config, readiness: Readiness): RequestHandler {
  const { standbyPort } = config.server;
  // With `read-only` the session may be shown all the same, if not here.
  const isShownByNobody = config.session.outage === 'deny';
  const isHopeless = (request: Request) =>
    isShownByNobody &&
    readiness.isOut() &&
    readiness.missing() !== undefined &&
    readCookie(request, cookieName(config, 'sid')) !== undefined;
  return (request: Request, response: Response, next: NextFunction) => {
    const begunAt = performance.now();
    const isOthersToServe = () => {
      const waited = performance.now() - begunAt;
      const isCutOff = readiness.missing() !== undefined;
      // While databases come back, whoever has waited here would wait elsewhere as well.
      if (readiness.isRecovering()) return isCutOff && !(isShownByNobody && waited > limits.recoveringHandOverMs);
      // Where the server does not know that it has lost its store, it is perhaps the store that waits: elsewhere as well.
      return isCutOff || (request.storeFailed === true && waited < limits.handOverMs);
    };
    if (request.trustedId !== undefined && request.socket.localPort !== standbyPort) {
      if (isHopeless(request)) return void response.writeHead(504, { 'Retry-After': '1' }).end();
      const writeHead = response.writeHead.bind(response) as (...head: unknown[]) => Response;
      response.writeHead = ((...head: unknown[]) => {
        if (head[0] === 503 && isOthersToServe()) head[0] = 504;
        return writeHead(...head);
      }) as typeof response.writeHead;
    }
    next();
  };
}
