// If the site requires a second factor, a session that has not proved one can only set one up, or prove it.
import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { SecondFactorMissingError } from '../http/app.errors.js';
import { SecondFactorRule } from './second-factor-rule.js';
import { userOf } from './signed-in.js';

/** Marks the handlers that work without a second factor. */
export const WithoutSecondFactor = Reflector.createDecorator<true>();

@Injectable()
export class EnrolmentGuard implements CanActivate {
  constructor(
    private readonly reflector: Reflector,
    private readonly rule: SecondFactorRule,
  ) {}

  /** @throws {SecondFactorMissingError} */
  canActivate(context: ExecutionContext): boolean {
    const user = userOf(context);
    if (user && this.rule.isMissingIn(user) && !this.reflector.get(WithoutSecondFactor, context.getHandler()))
      throw new SecondFactorMissingError();
    return true;
  }
}
