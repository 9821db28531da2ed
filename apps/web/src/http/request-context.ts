// The context of a request before all other middleware: its id, and the base of local addresses.
import type { NextFunction, Request, RequestHandler, Response } from 'express';
import { randomUUID } from 'node:crypto';
import type { Config } from '../config/config.js';

declare global {
  // eslint-disable-next-line @typescript-eslint/no-namespace
  namespace Express {
    interface Request {
      /** The request id of a trusted proxy; a repeated request has the same one. */
      trustedId?: string;
      /** The beginning of every local address: empty, or `/_server/NAME` behind the proxy's address of one server. */
      base: string;
    }
  }
}

const requestId = /^[\w-]{16,64}$/;
const prefix = /^(\/[\w.~-]+){1,4}$/;

/** Sets `request.id`, `request.trustedId` and `request.base`, and the headers that name the request and the server. */
export function requestContext(config: Config): RequestHandler {
  return (request: Request, response: Response, next: NextFunction) => {
    const trusts = request.app.get('trust proxy fn') as (address: string, hop: number) => boolean;
    const trusted = trusts(request.socket.remoteAddress ?? '', 0);
    const given = trusted ? request.get('x-request-id') : undefined;
    if (given !== undefined && requestId.test(given)) request.trustedId = given;
    request.id = request.trustedId ?? randomUUID();
    const forwarded = trusted ? request.get('x-forwarded-prefix') : undefined;
    request.base = forwarded !== undefined && prefix.test(forwarded) ? forwarded : '';
    response.setHeader('X-Request-Id', request.id);
    if (isApi(request)) response.setHeader('Cache-Control', 'no-store');
    if (config.server.show) response.setHeader('X-Served-By', config.server.name);
    next();
  };
}

/** Whether answers to this request are JSON; all others are pages, `/api/docs` among them. */
export function isApi(request: { readonly url?: string; readonly originalUrl?: string }): boolean {
  return /^\/api(?!\/docs(?:\?|$))(?:[/?]|$)/.test(request.originalUrl ?? request.url ?? '');
}
