// Which request the code that runs now belongs to: also in timers, ticks, file callbacks and rejections.
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

/** A request and its response, with what was true before any handler saw them. */
export interface Exchange {
  readonly request: Request;
  readonly response: Response;
  /** What every answer to this request carries: its id, the server's name, the security headers. */
  readonly headers: OutgoingHttpHeaders;
  /** The bytes that its connection had sent before. */
  readonly sentBefore: number;
}

const storage = new AsyncLocalStorage<{ exchange: Exchange | undefined }>();

/**
 * Middleware for behind what sets the headers of every answer, and before every handler. Sets `request.exchange` and runs
 * the rest as part of this request.
 */
export function asCurrentRequest(): RequestHandler {
  return (request: Request, response: Response, next: NextFunction) => {
    const sentBefore = request.socket.bytesWritten;
    const exchange = { request, response, headers: response.getHeaders(), sentBefore };
    const place: { exchange: Exchange | undefined } = { exchange };
    request.exchange = exchange;
    // A connection or a timer that a request has begun may outlive it, and must not keep it in memory.
    response.once('close', () => (place.exchange = undefined));
    storage.run(place, next);
  };
}

/**
 * The request that the running code belongs to. Undefined in code that no request has begun, and when the response is closed.
 * The listeners of an emitter belong to whoever emits, not to whoever listens.
 */
export function currentExchange(): Exchange | undefined {
  return storage.getStore()?.exchange;
}
