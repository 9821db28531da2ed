// Runs passport-local and sets `request.account`; the handler decides how to answer a wrong password.
import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import type { Request, RequestHandler, Response } from 'express';
import passport from 'passport';
import type { Account } from './account.js';
import { PasswordStrategy } from './password.strategy.js';

@Injectable()
export class PasswordGuard implements CanActivate {
  /** The strategy of this app. `AuthGuard('local')` would use the process's: that of the app that was created last. */
  constructor(private readonly strategy: PasswordStrategy) {}

  canActivate(context: ExecutionContext): Promise<true> {
    const http = context.switchToHttp();
    const [request, response] = [http.getRequest<Request>(), http.getResponse<Response>()];
    return new Promise((resolve, reject) => {
      const done = (error: Error | null, account?: Account | false | null) => {
        if (error) return reject(error);
        request.account = account || undefined;
        resolve(true);
      };
      // A copy of the strategy for this request, as Passport makes of registered ones: it keeps the request's result.
      const strategy = Object.create(this.strategy) as PasswordStrategy;
      const authenticate = passport.authenticate(strategy, { session: false }, done) as RequestHandler;
      void authenticate(request, response, reject);
    });
  }
}
