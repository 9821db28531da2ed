// Answers 503 to a request that exceeds its time limit, before the proxy gives up.
import type { NextFunction, Request, RequestHandler, Response } from 'express';
import type { Heartbeat } from '../lifecycle/heartbeat.js';
import { DeadlineError } from './app.errors.js';
import { beforeHead } from './before-head.js';
import type { Answers } from './end-failed.js';

declare global {
  // eslint-disable-next-line @typescript-eslint/no-namespace
  namespace Express {
    interface Request {
      /** The time of the heartbeat at which this request may have arrived at the earliest. */
      since?: number;
      /** Milliseconds that the request waited for admission. */
      waitedMs?: number;
      /** The time limit of the request in milliseconds, from `since`. */
      limitMs?: number;
      /** The request exceeded its limit and was answered 503. */
      hasMissedDeadline?: boolean;
    }
  }
}

const methods = ['write', 'end', 'writeHead', 'flushHeaders', 'setHeader', 'appendHeader', 'removeHeader'] as const;

/**
 * Answers 503 if the handler has not answered `limitMs` after the request was read. This answer must not wait for a
 * commit: it uses the response's methods from before the session wraps them. Later calls of the handler have no effect,
 * and its changes of the session are not committed. A commit that has begun is waited for: it has a limit of its own,
 * and a 503 would hide its outcome.
 */
export function deadline(
  limitMs: (request: Request) => number,
  answers: Answers,
  heartbeat: Heartbeat,
): RequestHandler {
  return (request: Request, response: Response, next: NextFunction) => {
    const now = heartbeat.now();
    // If the process was paused, other servers have this request, and its connection has just been destroyed.
    if (request.socket.destroyed) return;
    request.since = heartbeat.unreadSince - (request.waitedMs ?? 0);
    request.limitMs = limitMs(request);
    // An answer from before a pause must not be sent after it, whichever timer or result of a store comes first.
    beforeHead(response, (status) => {
      heartbeat.now();
      return status;
    });
    const writeHead = response.writeHead.bind(response);
    const end = response.end.bind(response) as (body: string) => void;
    const timer = setTimeout(
      () => {
        heartbeat.now();
        if (response.headersSent || response.destroyed) return;
        request.hasMissedDeadline = true;
        const answer = answers.to(new DeadlineError(), request);
        writeHead(answer.status, answer.headers);
        end(answer.body);
        for (const method of methods) response[method] = (() => response) as never;
      },
      request.limitMs - (now - request.since),
    );
    response.once('close', () => clearTimeout(timer));
    next();
  };
}

/**
 * Whether the request has exceeded its limit, so that it may change nothing; also correct right after a pause of the
 * process.
 */
export function isOver({ since, limitMs }: Request, heartbeat: Heartbeat): boolean {
  return since !== undefined && limitMs !== undefined && heartbeat.now() - since >= limitMs;
}
