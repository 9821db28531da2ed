// Ends a request that takes longer than a request may, before the proxy in front gives up on it.
import type { NextFunction, Request, RequestHandler, Response } from 'express';
import type { Heartbeat } from '../lifecycle/heartbeat.js';
import { DeadlineError } from './app.errors.js';
import type { ErrorAnswers } from './error-answers.js';

declare global {
  // eslint-disable-next-line @typescript-eslint/no-namespace
  namespace Express {
    interface Request {
      /** The heartbeat's time before which this request had not been sent in full. */
      since?: number;
      /** Milliseconds for which it waited for its turn. */
      waitedMs?: number;
      /** Milliseconds that it may take, from `since`. */
      limitMs?: number;
      /** It has taken longer, and was answered so. */
      hasMissedDeadline?: boolean;
    }
  }
}

const methods = ['write', 'end', 'writeHead', 'flushHeaders', 'setHeader', 'appendHeader', 'removeHeader'] as const;

/**
 * Answers 503 when the handler has not answered `limitMs()` after the request was read. It uses the response's own methods
 * as they are here, before the session wraps them: this answer must not wait for a commit. Whatever the handler does to the
 * response afterwards is for nothing; in particular, its changes of the session are not committed. A commit that has begun
 * is waited for: it has a limit of its own, and a 503 would hide what became of it.
 */
export function deadline(limitMs: () => number, answers: ErrorAnswers, heartbeat: Heartbeat): RequestHandler {
  return (request: Request, response: Response, next: NextFunction) => {
    const now = heartbeat.now();
    // What lay unread while this process stood still is another server's by now: its connection has just been broken off.
    if (request.socket.destroyed) return;
    request.since = heartbeat.unreadSince - (request.waitedMs ?? 0);
    request.limitMs = limitMs();
    const before = response.writeHead.bind(response) as (...head: unknown[]) => Response;
    // An answer from before a standstill must not leave after it, whichever timer or answer of a store runs first.
    const writeHead = (...head: unknown[]) => {
      heartbeat.now();
      return before(...head);
    };
    response.writeHead = writeHead as Response['writeHead'];
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

/** Whether a request is too old to change anything: the same limit, also right after a standstill of the process. */
export function isOver({ since, limitMs }: Request, heartbeat: Heartbeat): boolean {
  return since !== undefined && limitMs !== undefined && heartbeat.now() - since >= limitMs;
}
