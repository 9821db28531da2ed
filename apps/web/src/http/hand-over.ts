// Hands a request over to another web server, by answering 504 or 421, when the store of this one does not answer.
import type { NextFunction, Request, RequestHandler, Response } from 'express';
import type { Config } from '../config/config.js';
import { limits } from '../config/limits.js';
import { beforeHead } from './before-head.js';
import { cookiesOf, readCookies } from './cookies.js';

declare global {
  // eslint-disable-next-line @typescript-eslint/no-namespace
  namespace Express {
    interface Request {
      /** The store did not answer to this server. It may answer to another one. */
      storeFailed?: boolean;
    }
  }
}

/** As `Readiness` knows it. */
interface StoreState {
  isOut(): boolean;
  isRecovering(): boolean;
  missing(): string | undefined;
}

/**
 * 503 is final. 504 makes nginx ask the next server, under the same `X-Request-Id`, so that the request counts once: until
 * a server that was cut off has left its port, the others serve for it. A request that may not be repeated is handed over
 * only while its handler has not begun, which 421 says (RFC 9110, section 15.5.20). Only a request of a trusted proxy is
 * handed over, since nobody else would repeat it. The standby port hands nothing over, since it is asked last. When no
 * server can serve, nginx turns the last 504 into 503.
 *
 * When the databases are known to be out of reach, the requests of signed-in users are handed over before any work is done:
 * in an outage each request comes to every server, while all waiting requests are refused at once.
 */
export function handOver(config: Config, readiness: StoreState): RequestHandler {
  const { standbyPort } = config.server;
  const token = cookiesOf(config).name('token');
  // With `read-only` another server may still show the session.
  const deniesInOutage = config.session.outage === 'deny';
  const cannotBeServed = (request: Request) =>
    deniesInOutage && readiness.isOut() && readiness.missing() !== undefined && readCookies(request, token).length > 0;
  return (request: Request, response: Response, next: NextFunction) => {
    const startedAt = performance.now();
    const shouldFailOver = () => {
      const waited = performance.now() - startedAt;
      const isCutOff = readiness.missing() !== undefined;
      // While databases come back, a request that has waited here would wait on another server too.
      if (readiness.isRecovering()) return isCutOff && !(deniesInOutage && waited > limits.recoveringHandOverMs);
      // If this server has not lost its store, the store itself may be slow, for other servers too.
      return isCutOff || (request.storeFailed === true && waited < limits.handOverMs);
    };
    if (request.trustedId !== undefined && request.socket.localPort !== standbyPort) {
      const { isRepeatable } = request.policy;
      const handedOver = isRepeatable ? 504 : 421;
      if (cannotBeServed(request)) return void response.writeHead(handedOver, { 'Retry-After': '1' }).end();
      beforeHead(response, (status) => {
        // Between web server and nginx these two say that another server is to be asked; a handler's own would too.
        if (status === 421 || status === 504) return 500;
        return status === 503 && (isRepeatable || !request.hasBegun) && shouldFailOver() ? handedOver : status;
      });
    }
    next();
  };
}
