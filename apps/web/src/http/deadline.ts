// Ends a request that takes longer than a request may, before the proxy in front gives up on it.
import type { NextFunction, Request, RequestHandler, Response } from 'express';
import { DeadlineError } from './app.errors.js';
import type { ErrorAnswers } from './error-answers.js';

const methods = ['write', 'end', 'writeHead', 'flushHeaders', 'setHeader', 'appendHeader', 'removeHeader'] as const;

/**
 * Answers 503 when nothing was sent `ms` after the request was read. It uses the response's own methods as they are
 * here, before the session wraps them: this answer must not wait for a commit. Whatever the handler does to the
 * response afterwards is for nothing; in particular, its changes of the session are not committed.
 */
export function deadline(ms: number, answers: ErrorAnswers): RequestHandler {
  return (request: Request, response: Response, next: NextFunction) => {
    const writeHead = response.writeHead.bind(response);
    const end = response.end.bind(response) as (body: string) => void;
    const timer = setTimeout(() => {
      if (response.headersSent) return;
      const answer = answers.to(new DeadlineError(), request);
      writeHead(answer.status, answer.headers);
      end(answer.body);
      for (const method of methods) response[method] = (() => response) as never;
    }, ms);
    response.once('close', () => clearTimeout(timer));
    next();
  };
}
