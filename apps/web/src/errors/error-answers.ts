// Turns an error into the answer: JSON under /api, an error page elsewhere.
import { HttpException, Injectable } from '@nestjs/common';
import { failureOf } from '@roam/mysql-cluster';
import { STATUS_CODES, type IncomingMessage } from 'node:http';
import type { Request } from 'express';
import { SessionTooLargeError, TooManySessionsError as VisitorRefusedError } from '@roam/session';
import { QueryFailedError } from 'typeorm';
import { Views } from '../pages/views.js';
import { SessionFullError, TooManySessionsError } from '../session/session.errors.js';
import {
  AppError,
  DeadlineError,
  InvalidInputError,
  NotFoundError,
  OutageError,
  OutcomeUnknownError,
  RequestError,
  UnavailableError,
} from '../http/app.errors.js';
import { mayHaveHadEffect } from '../http/begun.interceptor.js';
import type { ErrorAnswer } from '../http/end-failed.js';
import { isApi } from '../http/request-context.js';

const invalid = 'The request is not valid. Please check it and try again.';
const failed = 'The request failed. Please try again.';

@Injectable()
export class ErrorAnswers {
  constructor(private readonly views: Views) {}

  /** The answer 500 to a request that ended unexpectedly. */
  unexpected(request: IncomingMessage): ErrorAnswer {
    return this.to(undefined, request);
  }

  /** The answer to a request that ended with this error. It reveals only what the app's own errors say. */
  to(exception: unknown, incoming: IncomingMessage): ErrorAnswer {
    const request = incoming as Request;
    const cause = asAppError(exception);
    const failsHalfWay = cause instanceof UnavailableError || cause instanceof DeadlineError;
    const error = failsHalfWay && mayHaveHadEffect(request) ? new OutcomeUnknownError() : cause;
    if (error instanceof UnavailableError || error instanceof OutageError) request.storeFailed = true;
    const headers: Record<string, string> = { 'Cache-Control': 'no-store' };
    if (error.retryAfter !== undefined) headers['Retry-After'] = String(error.retryAfter);
    if (isApi(request)) {
      const body = JSON.stringify(problem(error));
      const type = request.headers.accept?.includes('application/problem+json')
        ? 'application/problem+json'
        : 'application/json';
      headers['Content-Type'] = `${type}; charset=utf-8`;
      return { status: error.status, headers, body };
    }
    const body = this.views.page(request, 'pages/error', {
      title: STATUS_CODES[error.status] ?? 'Error',
      error: { status: error.status, code: error.code, message: error.message, requestId: request.id },
    });
    headers['Content-Type'] = 'text/html; charset=utf-8';
    return { status: error.status, headers, body };
  }
}

/** Our error object, with the fields of RFC 9457. */
function problem(error: AppError): object {
  return {
    error: {
      code: error.code,
      message: error.message,
      ...(error instanceof InvalidInputError ? { fields: error.fields } : {}),
    },
    type: 'about:blank',
    title: STATUS_CODES[error.status],
    status: error.status,
    detail: error.message,
  };
}

/** The app's error for anything thrown; an unexpected error becomes 500 without details. */
export function asAppError(exception: unknown): AppError {
  if (exception instanceof AppError) return exception;
  if (exception instanceof HttpException) return fromNest(exception);
  // A conflict, or a node that was lost: what TypeORM passes on of it.
  if (exception instanceof QueryFailedError && failureOf(exception) !== 'statement') return new UnavailableError();
  if (exception instanceof SessionTooLargeError) return new SessionFullError(exception.bytes, exception.limit);
  if (exception instanceof VisitorRefusedError) return new TooManySessionsError(exception.waitMs);
  const { code, status } = (exception ?? {}) as { code?: unknown; status?: unknown };
  switch (code) {
    case 'session_store_unavailable':
    case 'cluster_unavailable':
    case 'deadline_missed': // TypeORM's error around a connection that was lost, with no time for another
    case 'no_connection':
      return new UnavailableError();
    case 'request_over':
      return new DeadlineError();
    case 'session_outage':
      return new OutageError();
    case 'session_ended':
      return new RequestError(401, 'session_ended', 'Your session has ended. Please sign in again.');
    case 'session_conflict':
      return new RequestError(
        409,
        'session_conflict',
        'Too many changes were made at the same time. Please try again.',
      );
  }
  if (typeof status === 'number' && status >= 400 && status < 500) {
    return new RequestError(status, codeOf(status), invalid);
  }
  return new RequestError(500, 'internal_error', 'Something went wrong on our side. Please try again.');
}

/** Nest's exceptions, of Nest itself or of a feature: a 4xx keeps its message, and a 5xx tells only its status. */
function fromNest(exception: HttpException): AppError {
  const status = exception.getStatus();
  const title = STATUS_CODES[status];
  if (status >= 500) return new RequestError(status, 'internal_error', title ?? failed);
  const given = messageOf(exception);
  // The name of the status says less than our own sentence, and Nest's message of an unknown route repeats its address.
  const message = given === title || (status === 404 && /^Cannot [A-Z]+ \//.test(given)) ? '' : given;
  if (status === 404) return new NotFoundError(message || undefined);
  return new RequestError(status, codeOf(status), message || (status === 400 ? invalid : (title ?? failed)));
}

/** What the exception was given to say. The message of an `Error` inside it is not for users. */
function messageOf(exception: HttpException): string {
  const response: unknown = exception.getResponse();
  if (response instanceof Error) return '';
  const given = typeof response === 'string' ? response : (response as { message?: unknown } | undefined)?.message;
  // `ValidationPipe` lists the faults.
  return Array.isArray(given) ? given.join('; ') : typeof given === 'string' ? given : '';
}

/** The name of the status as a code: 409 is `conflict`. */
function codeOf(status: number): string {
  const title = STATUS_CODES[status] ?? 'Bad Request';
  return title.toLowerCase().replaceAll("'", '').replaceAll(/\W+/g, '_');
}
