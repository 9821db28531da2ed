// Admits a form only with the token of the session or visitor that it was made for.
import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { Request } from 'express';
import { formTokenOf } from './form-token-of.js';
import { FormTokens } from './form-tokens.js';

/** Marks the handlers of forms that are shown to visitors: somebody may sign in in another tab meanwhile. */
export const ForVisitors = Reflector.createDecorator<true>();

@Injectable()
export class FormGuard implements CanActivate {
  constructor(
    private readonly tokens: FormTokens,
    private readonly reflector: Reflector,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const request = context.switchToHttp().getRequest<Request>();
    // A sign-out of a visitor changes nothing: the session ended after the page was loaded.
    const harmless = !request.user && request.path === '/logout';
    const forVisitors = this.reflector.get(ForVisitors, context.getHandler()) === true;
    if (!harmless) this.tokens.check(request, await formTokenOf(request), forVisitors);
    return true;
  }
}
