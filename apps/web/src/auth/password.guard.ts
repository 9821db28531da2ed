// Runs passport-local and leaves its result in `req.account`; the handler decides what a wrong password looks like.
import { Injectable } from '@nestjs/common';
import { AuthGuard } from '@nestjs/passport';
import type { Account } from './account.js';

@Injectable()
export class PasswordGuard extends AuthGuard('local') {
  override getAuthenticateOptions() {
    return { property: 'account' };
  }

  override handleRequest<T = Account | undefined>(error: unknown, account: Account | false): T {
    if (error) throw error as Error;
    return (account || undefined) as T;
  }
}
