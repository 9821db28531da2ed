// The order of the middleware, from top to bottom, each with its reason. A guard of Nest's comes after all of it.
import type { NextFunction, Request, RequestHandler, Response } from 'express';
import { clusterStream } from './cluster/cluster-stream.js';
import { limits } from './config/limits.js';
import { healthEndpoints } from './health/health-endpoints.js';
import type { Admission } from './http/admission.js';
import { bodyParsers } from './http/body-parsers.js';
import { asCurrentRequest } from './http/current-request.js';
import { deadline } from './http/deadline.js';
import type { ErrorAnswers } from './errors/error-answers.js';
import { handOver } from './http/hand-over.js';
import { httpsOnly } from './http/https-only.js';
import { Receiving } from './http/receiving.js';
import { requestContext } from './http/request-context.js';
import { securityHeaders } from './http/security-headers.js';
import type { StreamLimits } from './http/stream-limits.js';
import { serveAssets } from './pages/assets.js';
import { securityTxt } from './pages/security-txt.js';
import type { RouteTable } from './routes/route-table.js';
import type { Runtime } from './runtime.js';

interface Parts {
  readonly table: RouteTable;
  readonly streams: StreamLimits;
  readonly admission: Admission;
}

/** Before the modules. What ends a request here needs neither a session nor a place among the running requests. */
export function outerMiddleware({ config, cluster, metrics, readiness }: Runtime, parts: Parts): RequestHandler[] {
  return [
    // What the route has declared: all others decide by it.
    parts.table.middleware(),
    // The request's id: every answer and every line of the log names it.
    requestContext(config),
    // Before the first that may answer: each request is measured.
    metrics.middleware(),
    // As above: each answer has the headers.
    securityHeaders(config),
    // After the headers of every answer, which it keeps for an answer to an uncaught error; before every handler.
    asCurrentRequest(),
    // Over http too, during overload and during an outage: they say how this server is.
    healthEndpoints(readiness),
    // Before anything that is secret can be answered or taken.
    httpsOnly(config),
    // Before the first stream.
    parts.streams.middleware(),
    // No session, and no place for as long as it is open.
    clusterStream(config, cluster, readiness),
    // The same for all: also while too many requests wait.
    serveAssets(),
    securityTxt(config),
    // Before the request waits here: another server may be free to serve it. Before every answer with 503 of the next ones.
    handOver(config, readiness),
    // A slow client has no place among the running requests until its body is here.
    new Receiving().middleware(),
    // The last: whoever has a place does work for the request. The check of the request's origin (`app.ts`) comes next.
    parts.admission.middleware(),
  ];
}

/**
 * In the modules (`app.module.ts`): after the line of the log (`LoggerModule`), before the session (`SessionModule`) and
 * its user (`AuthModule`).
 */
export function innerMiddleware({ cluster, heartbeat, readiness }: Runtime, answers: ErrorAnswers): RequestHandler[] {
  const limitMs = ({ policy: { timeMs } }: Request) =>
    timeMs <= limits.requestMs && readiness.isRecovering() ? limits.recoveringRequestMs : timeMs;
  // After a pause of the process other servers have its requests: from here on their statements are not sent any more.
  const unlessFrozen = ({ policy: { timeMs } }: Request, _response: Response, next: NextFunction) =>
    cluster.unlessFrozen(next, timeMs > limits.requestMs ? { statementTimeoutMs: timeMs } : {});
  return [
    // The body has been received (`Receiving`): this costs no time of the request.
    bodyParsers(),
    // Before the first statement, which is the session's.
    unlessFrozen,
    // Before the session's, whose commit its answer must not wait for.
    deadline(limitMs, answers, heartbeat),
  ];
}
