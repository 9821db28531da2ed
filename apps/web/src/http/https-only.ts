// A site whose address is https is not served over plain http: no page, no session, no cookie.
import type { NextFunction, Request, RequestHandler, Response } from 'express';
import type { Config } from '../config/config.js';
import { refuse, type Refusal } from './plain-answer.js';
import { isApi } from './request-context.js';

export const httpsRequired: Refusal = {
  status: 403,
  code: 'https_required',
  message: 'This site is served over https only. Please use the address that begins with https.',
};

/**
 * Over plain http, as the trusted proxy tells, pages are redirected to the site's own address. All else is refused: a program
 * that sends secrets over http must not go on unnoticed (ASVS 4.1.2). Health checks come before this.
 */
export function httpsOnly(config: Config): RequestHandler {
  return (request: Request, response: Response, next: NextFunction) => {
    if (!config.secure || request.secure) return next();
    // Over http this header says nothing (RFC 6797, section 7.2).
    response.removeHeader('Strict-Transport-Security');
    const isPage = (request.method === 'GET' || request.method === 'HEAD') && !isApi(request);
    if (!isPage) return refuse(request, response, httpsRequired);
    // A target in absolute form does not begin with a slash.
    const target = request.originalUrl.startsWith('/') ? request.base + request.originalUrl : '/';
    response.writeHead(308, { Location: config.server.publicUrl.origin + target, 'Cache-Control': 'no-store' }).end();
  };
}
