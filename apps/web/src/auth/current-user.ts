// The signed-in user, as a parameter of a handler.
import { createParamDecorator } from '@nestjs/common';
import { userOf } from './signed-in.js';

/**
 * Undefined for a visitor, whom `SignedInGuard` keeps out.
 * @example list(@CurrentUser() user: SignedIn)
 */
export const CurrentUser = createParamDecorator((_data: unknown, context) => userOf(context));
