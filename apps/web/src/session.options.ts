// The options of the session module.
import type { SessionEvent, SessionOptions } from '@roam/session';
import '@roam/session/types';
import type { Request } from 'express';
import type { PinoLogger } from 'nestjs-pino';
import type { AuditService } from './audit/audit.service.js';
import { cookieOptions } from './http/cookies.js';
import { isOver } from './http/deadline.js';
import type { ErrorAnswers } from './errors/error-answers.js';
import type { StreamLimits } from './http/stream-limits.js';
import type { Runtime } from './runtime.js';
import { VisitorSessions } from './throttling/visitor-sessions.js';

/** What the options use of the app. */
interface Reports {
  readonly answers: ErrorAnswers;
  readonly log: PinoLogger;
  readonly audit: AuditService;
  readonly streams: StreamLimits;
}

export function sessionOptions(
  { config, store, metrics, heartbeat }: Runtime,
  { answers, log: logger, audit, streams }: Reports,
): SessionOptions {
  const visitors = new VisitorSessions(config, logger);
  const { outage, secrets, idleMs, lifetimeMs, rememberIdleMs, rememberLifetimeMs, touchMs } = config.session;
  return {
    store,
    secrets,
    outage,
    origins: [config.server.publicUrl.origin],
    mayUpgrade: streams.mayUpgrade,
    cookie: cookieOptions(config),
    limits: {
      idle: idleMs,
      lifetime: lifetimeMs,
      rememberIdle: rememberIdleMs,
      rememberLifetime: rememberLifetimeMs,
      touch: touchMs,
    },
    requestId: (request) => (request as Request).trustedId,
    visitorWaitMs: (request) => visitors.waitMs((request as Request).ip),
    isOver: (request) => isOver(request as Request, heartbeat),
    failure: (error, request) => {
      if (error.code === 'session_too_large')
        logger.warn({ err: error }, 'the session of a request was not stored: it is too large');
      else if (error.code !== 'too_many_sessions')
        logger.error({ err: error, code: error.code }, 'could not read or write the session of a request');
      return answers.to(error, request);
    },
    onEvent: (event) => {
      report(event, logger);
      metrics.countSessionEvent(event.type);
      if (event.type === 'visitor-refused') visitors.noteRefused(event.reason);
      if (event.type === 'theft')
        audit.noteWithoutRequest('session-theft', event.userId === null ? {} : { userId: event.userId });
    },
  };
}

function report(event: SessionEvent, logger: PinoLogger): void {
  switch (event.type) {
    case 'theft':
      return logger.warn(
        { event },
        'a session token was used after it had been replaced, so a copy of it exists: the session was ended',
      );
    case 'damaged':
      return logger.error(
        { event },
        'could not decode a stored session: it is treated as not signed in, and its record is kept for inspection',
      );
    case 'touch-failed':
      return logger.warn(
        { err: event.error, sessionId: event.id },
        'could not touch or renew a session: the request was not affected, and the next one tries again',
      );
    case 'response-error':
      return logger.error({ err: event.error }, 'a response was used in a way that Node refuses');
    case 'handshake-failed':
      return logger.error({ err: event.error }, 'could not open the session of a socket: the socket was closed');
    case 'end-failed':
      return logger.error({ err: event.error }, 'a callback for the end of a session has thrown');
    case 'late-change':
      return logger.error({ err: event.error, sessionId: event.id }, 'a session was changed too late to be kept');
    case 'left-out':
      return logger.warn(
        { event },
        'a sign-in left out what another request had just put into the session: there was no room for it',
      );
    case 'logout-pending':
      return logger.warn(
        { event },
        'the session store did not accept a sign-out: trying again every second. Restore the store before this process ends',
      );
    default:
      return logger.debug({ event }, 'session event');
  }
}
