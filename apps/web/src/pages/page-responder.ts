// Answers with pages: not cached, with a form token, and with redirects below the site's base.
import { Injectable } from '@nestjs/common';
import type { Request, Response } from 'express';
import { Refusals } from '../audit/refusals.js';
import type { AppError } from '../http/app.errors.js';
import { FormTokens } from './form-tokens.js';
import { Views } from './views.js';

@Injectable()
export class PageResponder {
  constructor(
    private readonly views: Views,
    private readonly tokens: FormTokens,
    private readonly refusals: Refusals,
  ) {}

  show(
    request: Request,
    response: Response,
    view: string,
    data: { readonly title: string } & Record<string, unknown>,
    status = 200,
  ): void {
    const csrf = this.tokens.issue(request, response);
    const page = this.views.page(request, view, { ...data, csrf });
    response.status(status).set({ 'Content-Type': 'text/html; charset=utf-8', 'Cache-Control': 'no-store' }).end(page);
  }

  /** A page with a fault in place of the error's own: the refusal is noted as by the filter. */
  refuse(
    request: Request,
    response: Response,
    view: string,
    data: { readonly title: string } & Record<string, unknown>,
    error: AppError,
  ): void {
    this.refusals.note(request, error);
    this.show(request, response, view, data, error.status);
  }

  /** 303: the browser loads the next page with GET, and reloading that sends no form again. */
  seeOther(request: Request, response: Response, path: string): void {
    response.set('Cache-Control', 'no-store').redirect(303, request.base + path);
  }

  toLogin(request: Request, response: Response): void {
    const here = request.method === 'GET' ? request.originalUrl : request.path;
    this.seeOther(request, response, `/login?returnTo=${encodeURIComponent(here)}`);
  }
}
