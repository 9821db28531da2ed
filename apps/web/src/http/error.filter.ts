// Sends the answer for everything that was thrown, and logs what nobody expected.
import { Catch, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { Request, Response } from 'express';
import { PinoLogger } from 'nestjs-pino';
import type { AuditEventName } from '../audit/audit-event.js';
import { AuditService } from '../audit/audit.service.js';
import { AppError } from './app.errors.js';
import { asAppError, ErrorAnswers } from './error-answers.js';

/** Attempts to get past a protection, by the code of what refused them. */
const refusals: Readonly<Record<string, AuditEventName>> = {
  cross_site: 'cross-site-refused',
  invalid_form_token: 'form-refused',
};

@Catch()
export class ErrorFilter implements ExceptionFilter {
  constructor(
    private readonly answers: ErrorAnswers,
    private readonly audit: AuditService,
    private readonly logger: PinoLogger,
  ) {}

  catch(exception: unknown, host: ArgumentsHost): void {
    const response = host.switchToHttp().getResponse<Response>();
    const request = host.switchToHttp().getRequest<Request>();
    // The deadline has answered already, or a stream broke off: there is nothing left to say.
    if (response.headersSent) return;
    const { code, status } = asAppError(exception);
    if (exception instanceof AppError) this.logger.debug({ code }, 'request refused');
    else if (status >= 500) this.logger.error({ err: exception, code }, 'request failed');
    const refused = refusals[code];
    if (refused) this.audit.note(refused, request, {}, { path: request.path.slice(0, 200) });
    const answer = this.answers.to(exception, request);
    response.status(answer.status).set(answer.headers).end(answer.body);
  }
}
