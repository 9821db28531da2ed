// /healthz and /readyz of the public port: before all other middleware, so that they need no session and no database.
import type { NextFunction, Request, RequestHandler, Response } from 'express';
import type { Readiness } from './readiness.js';

export function healthEndpoints(readiness: Readiness): RequestHandler {
  return (request: Request, response: Response, next: NextFunction) => {
    if (request.method !== 'GET' && request.method !== 'HEAD') return next();
    if (request.path === '/healthz') {
      response.set('Cache-Control', 'no-store').json({ alive: true });
    } else if (request.path === '/readyz') {
      // The addresses of the databases are shown on the metrics port only.
      const { ready, phase } = readiness.report();
      response
        .set('Cache-Control', 'no-store')
        .status(ready ? 200 : 503)
        .json({ ready, phase });
    } else {
      next();
    }
  };
}
