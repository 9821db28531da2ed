// If the site requires a second factor, a user without one can only set one up.
import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { SecondFactorMissingError } from '../http/app.errors.js';
import { userOf } from './signed-in.js';

/** Marks the handlers that work without a second factor. */
export const WithoutSecondFactor = Reflector.createDecorator<true>();

@Injectable()
export class EnrolmentGuard implements CanActivate {
  constructor(private readonly reflector: Reflector) {}

  /** @throws {SecondFactorMissingError} */
  canActivate(context: ExecutionContext): boolean {
    if (userOf(context)?.mustEnrol && !this.reflector.get(WithoutSecondFactor, context.getHandler()))
      throw new SecondFactorMissingError();
    return true;
  }
}
