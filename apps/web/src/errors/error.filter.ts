// Sends the answer to a request that ended with an error, and logs unexpected errors.
import { Catch, HttpException, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { Request, Response } from 'express';
import { PinoLogger } from 'nestjs-pino';
import { Refusals } from '../audit/refusals.js';
import {
  AppError,
  NotSignedInError,
  ReauthenticationRequiredError,
  SecondFactorMissingError,
} from '../http/app.errors.js';
import { asAppError, ErrorAnswers } from './error-answers.js';
import { endFailed } from '../http/end-failed.js';
import { isApi } from '../http/request-context.js';

@Catch()
export class ErrorFilter implements ExceptionFilter {
  constructor(
    private readonly answers: ErrorAnswers,
    private readonly refusals: Refusals,
    private readonly logger: PinoLogger,
  ) {}

  catch(exception: unknown, host: ArgumentsHost): void {
    const response = host.switchToHttp().getResponse<Response>();
    const request = host.switchToHttp().getRequest<Request>();
    // Also where nobody waits for the answer: closing the connection hides no attempt.
    this.refusals.note(request, exception);
    // A client that has closed the connection, or that the deadline has answered, gets nothing more.
    const hasLeft = response.destroyed && !response.errored;
    if (hasLeft || request.hasMissedDeadline) return;
    const { code, status } = asAppError(exception);
    if (response.headersSent) {
      this.logger.error({ err: exception, code }, 'request failed after its answer had begun');
      return this.abort(request, response);
    }
    if (exception instanceof AppError) this.logger.debug({ code }, 'request refused');
    else if (status >= 500) this.logger.error({ err: exception, code }, 'request failed');
    const redirect = isApi(request) ? undefined : redirectFor(exception, request);
    if (redirect !== undefined) return response.set('Cache-Control', 'no-store').redirect(303, request.base + redirect);
    const answer = this.answers.to(exception, request);
    response.status(answer.status).set(answer.headers).end(answer.body);
  }

  private abort(request: Request, response: Response): void {
    if (request.exchange) endFailed(request.exchange, () => this.answers.unexpected(request));
    else if (!response.writableEnded) response.destroy();
  }
}

/**
 * The page where the user can resolve the error. A form has the address of its page, so `returnTo` leads back to that.
 */
function redirectFor(exception: unknown, request: Request): string | undefined {
  const here = encodeURIComponent(request.method === 'GET' ? request.originalUrl : request.path);
  if (exception instanceof ReauthenticationRequiredError) return `/account/confirm?returnTo=${here}`;
  if (exception instanceof SecondFactorMissingError) return '/account/two-step';
  // With a user, the session belongs to a deleted account: signing in would lead back here.
  const mustSignIn =
    exception instanceof NotSignedInError || (exception instanceof HttpException && exception.getStatus() === 401);
  if (mustSignIn && !request.user && request.path !== '/login') return `/login?returnTo=${here}`;
  return undefined;
}
