// How a handler describes its route for /api/openapi.json, and a guard what it refuses.
import { applyDecorators } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { ApiOperation } from '@nestjs/swagger';
import type { AppError } from './app.errors.js';

type ErrorClass = new (...parameters: never[]) => AppError;

/** On a guard: the errors by which it refuses a request. */
export const Refuses = Reflector.createDecorator<readonly ErrorClass[]>();

/** See `@Describe`. */
export const Answers = Reflector.createDecorator<string | Readonly<Record<number, string>>>();

/**
 * Describes the route of a handler. All else is derived: parameters and body from their schemas, the status from
 * `@HttpCode`, and from its guards whom it admits. Decorators of `@nestjs/swagger` count too.
 * @param does one line about what the route does
 * @param answer what the answer to a request that succeeded holds; for each status if there are several
 * @param errors what the handler refuses, beside invalid input and what its guards refuse; made without parameters to
 * read their codes and messages
 * @example
 * ```ts
 * @Put(':item')
 * @Describe('Sets the quantity of an item in the cart', 'The items', [CartFullError])
 * ```
 */
export const Describe = (
  does: string,
  answer: string | Readonly<Record<number, string>>,
  errors: readonly ErrorClass[] = [],
): MethodDecorator => applyDecorators(ApiOperation({ summary: does }), Answers(answer), Refuses(errors));
