// Answers with pages and redirects what the handlers of pages return.
import { Injectable, type CallHandler, type ExecutionContext, type NestInterceptor } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { Request, Response } from 'express';
import { map, type Observable } from 'rxjs';
import { Refusals } from '../audit/refusals.js';
import { InvalidInputError } from '../http/app.errors.js';
import { FormTokens } from './form-tokens.js';
import { PageView, Refused, SeeOther, Shown, type PageAnswer } from './page-answer.js';
import { Views } from './views.js';

@Injectable()
export class PageInterceptor implements NestInterceptor {
  constructor(
    private readonly reflector: Reflector,
    private readonly views: Views,
    private readonly tokens: FormTokens,
    private readonly refusals: Refusals,
  ) {}

  intercept(context: ExecutionContext, next: CallHandler<PageAnswer | undefined>): Observable<string | undefined> {
    const { view, title } = this.reflector.get(PageView, context.getHandler());
    const http = context.switchToHttp();
    const [request, response] = [http.getRequest<Request>(), http.getResponse<Response>()];
    return next.handle().pipe(
      map((answer) => {
        if (answer instanceof SeeOther) {
          response
            .status(303)
            .set('Cache-Control', 'no-store')
            .location(request.base + answer.path);
          return undefined;
        }
        if (answer instanceof Shown) return this.page(request, response, answer);
        if (!(answer instanceof Refused))
          return this.page(request, response, new Shown(view, { title, ...answer }, 200));
        const { error, data } = answer;
        this.refusals.note(request, error);
        const fields = error instanceof InvalidInputError ? error.fields : {};
        return this.page(request, response, new Shown(view, { title, error, fields, ...data }, error.status));
      }),
    );
  }

  private page(request: Request, response: Response, { view, data, status }: Shown): string {
    const csrf = this.tokens.issue(request, response);
    const page = this.views.page(request, view, { ...data, csrf });
    response.status(status).set({ 'Content-Type': 'text/html; charset=utf-8', 'Cache-Control': 'no-store' });
    return page;
  }
}
