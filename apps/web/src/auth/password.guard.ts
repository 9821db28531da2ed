// Runs passport-local and leaves its result in `req.account`; the handler decides what a wrong password looks like.
import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import type { Request, RequestHandler, Response } from 'express';
import passport from 'passport';
import type { Account } from './account.js';
import { PasswordStrategy } from './password.strategy.js';

@Injectable()
export class PasswordGuard implements CanActivate {
  /** This app's own, and not `AuthGuard('local')`: that is the process's, the last one made of several apps'. */
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
      // A strategy of one request, as Passport makes them of those that it knows by name: it keeps the request's answer.
      const strategy = Object.create(this.strategy) as PasswordStrategy;
      const authenticate = passport.authenticate(strategy, { session: false }, done) as RequestHandler;
      void authenticate(request, response, reject);
    });
  }
}
