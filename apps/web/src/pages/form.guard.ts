// Admits a form only with the token of the session or visitor that it was made for.
import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import type { Request } from 'express';
import { FormTokens } from './form-tokens.js';

@Injectable()
export class FormGuard implements CanActivate {
  constructor(private readonly tokens: FormTokens) {}

  canActivate(context: ExecutionContext): boolean {
    const request = context.switchToHttp().getRequest<Request>();
    // A sign-out of a visitor changes nothing: the session ended after the page was loaded.
    const harmless = !request.user && request.path === '/logout';
    if (!harmless) this.tokens.check(request);
    return true;
  }
}
