// Admits a form only with the token of the session or visitor that it was made for.
import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import type { Request } from 'express';
import { formTokenOf } from './form-token-of.js';
import { FormTokens } from './form-tokens.js';

@Injectable()
export class FormGuard implements CanActivate {
  constructor(private readonly tokens: FormTokens) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const request = context.switchToHttp().getRequest<Request>();
    // A sign-out of a visitor changes nothing: the session ended after the page was loaded.
    const harmless = !request.user && request.path === '/logout';
    if (!harmless) this.tokens.check(request, await formTokenOf(request));
    return true;
  }
}
