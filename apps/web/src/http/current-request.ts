// Finds the request that the running code belongs to: also in timers, ticks, file callbacks and rejections.
import { AsyncLocalStorage } from 'node:async_hooks';
import type { OutgoingHttpHeaders } from 'node:http';
import type { NextFunction, Request, RequestHandler, Response } from 'express';

declare global {
  // eslint-disable-next-line @typescript-eslint/no-namespace
  namespace Express {
    interface Request {
      exchange?: Exchange;
    }
  }
}

/** A request and its response, as they were before any handler ran. */
export interface Exchange {
  readonly request: Request;
  readonly response: Response;
  /** The headers of every answer to this request: its id, the server's name, the security headers. */
  readonly headers: OutgoingHttpHeaders;
  /** The number of bytes that the connection had sent before. */
  readonly sentBefore: number;
}

const storage = new AsyncLocalStorage<{ exchange: Exchange | undefined }>();

/**
 * Middleware that sets `request.exchange` and runs the rest as part of this request. It comes after the middleware that
 * sets the headers of every answer, and before every handler.
 */
export function asCurrentRequest(): RequestHandler {
  return (request: Request, response: Response, next: NextFunction) => {
    const sentBefore = request.socket.bytesWritten;
    const exchange = { request, response, headers: response.getHeaders(), sentBefore };
    const place: { exchange: Exchange | undefined } = { exchange };
    request.exchange = exchange;
    // A connection or a timer that a request has started may outlive it, and must not keep it in memory.
    response.once('close', () => (place.exchange = undefined));
    storage.run(place, next);
  };
}

/**
 * The request that the running code belongs to. Undefined in code that no request has started, and when the response is
 * closed. The listeners of an emitter belong to the request that emits, not to the one that listens.
 */
export function currentExchange(): Exchange | undefined {
  return storage.getStore()?.exchange;
}
