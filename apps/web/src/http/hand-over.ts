// Hands a request that this server cannot serve, because it has lost its store, over to another: by not answering it.
import type { NextFunction, Request, RequestHandler, Response } from 'express';
import type { Readiness } from '../health/readiness.js';

/**
 * Until a server that was cut off has left its port, nginx sends it requests. 503 would be final; a connection that is
 * closed without an answer makes nginx ask the next server, under the same `X-Request-Id`, so that it counts once. Only
 * for what a trusted proxy sent: nobody else would repeat it. Where no server can serve, nginx says so in the end.
 */
export function handOver(readiness: Readiness): RequestHandler {
  return (request: Request, response: Response, next: NextFunction) => {
    const writeHead = response.writeHead.bind(response) as (...head: unknown[]) => Response;
    response.writeHead = ((...head: unknown[]) => {
      if (head[0] === 503 && isOthersToServe(request, readiness)) response.destroy();
      return writeHead(...head);
    }) as typeof response.writeHead;
    next();
  };
}

function isOthersToServe(request: Request, readiness: Readiness): boolean {
  return request.trustedId !== undefined && readiness.phase === 'ready' && readiness.missing() !== undefined;
}
