// What @nestjs/swagger does not know of an operation: whom its guards admit, and by which errors it is refused.
import type { Type } from '@nestjs/common';
import { GUARDS_METADATA, ROUTE_ARGS_METADATA } from '@nestjs/common/constants.js';
import { Reflector } from '@nestjs/core';
import { DECORATORS, type OpenAPIObject } from '@nestjs/swagger';
import { STATUS_CODES } from 'node:http';
import { WithoutSecondFactor } from '../auth/enrolment.guard.js';
import {
  CrossSiteError,
  DeadlineError,
  InvalidInputError,
  OutageError,
  OutcomeUnknownError,
  OverloadedError,
  SecondFactorMissingError,
  UnavailableError,
  type AppError,
} from '../http/app.errors.js';
import { Answers, Refuses } from '../http/describe.js';
import type { Route } from '../routes/collect-routes.js';
import { WorksInOutage } from '../session/outage.guard.js';

export type Operation = NonNullable<OpenAPIObject['paths'][string]['get']>;
type Responses = Operation['responses'];
type Refusal = Pick<AppError, 'code' | 'status' | 'message'>;
type Input = { readonly schema?: object };
type Handled = Route & Required<Pick<Route, 'of'>>;

const reflector = new Reflector();
/** nginx refuses requests too. */
const limited: Refusal = { status: 429, code: 'too_many_requests', message: '' };
/** In place of the errors' messages, for what every route may answer. */
const texts: Readonly<Record<number, string>> = {
  429: 'Too many requests or attempts',
  503: 'The server is overloaded or a store does not answer',
};

/** The operation with its security, its answers and its refusals. */
export function describeOperation(operation: Operation, route: Handled): Operation {
  const { controller, handler } = route.of;
  const guards = [controller, handler].flatMap(
    (target) => (Reflect.getMetadata(GUARDS_METADATA, target) as (Type | object)[] | undefined) ?? [],
  );
  const classes = guards.map((guard) => (typeof guard === 'function' ? guard : guard.constructor) as Type);
  const required = classes.flatMap((guard) => (Reflect.getMetadata(DECORATORS.API_SECURITY, guard) as []) ?? []);
  const { takesEveryType, bodyBytes } = route.policy;
  const anyBody = { content: { '*/*': { schema: { description: `At most ${bodyBytes} bytes` } } } };
  return {
    ...(takesEveryType && { requestBody: anyBody }),
    ...operation,
    security: operation.security ?? required,
    responses: {
      ...successes(operation.responses, reflector.get(Answers, handler)),
      ...refusals([...errorsOf(route, classes), limited]),
    },
  };
}

function successes(known: Responses, answers: string | Readonly<Record<number, string>> = ''): Responses {
  if (typeof answers !== 'string')
    return Object.fromEntries(Object.entries(answers).map(([status, description]) => [status, { description }]));
  // Where nothing is declared, @nestjs/swagger has the status and an empty description.
  const described = Object.entries(known).map(([status, response]) => {
    const { description = '', ...rest } = response as { readonly description?: string };
    return [status, { ...rest, description: description || answers }];
  });
  return Object.fromEntries(described) as Responses;
}

/** Of the handler and its guards, of the guards of all handlers, and of the app. */
function errorsOf({ of: { controller, handler }, policy, method }: Handled, guards: readonly Type[]): Refusal[] {
  const inputs = Reflect.getMetadata(ROUTE_ARGS_METADATA, controller, handler.name) as
    Record<string, Input> | undefined;
  const classes = new Set([
    ...[...guards, handler].flatMap((target) => reflector.get(Refuses, target) ?? []),
    ...(Object.values(inputs ?? {}).some(({ schema }) => schema) ? [InvalidInputError] : []),
    ...(reflector.get(WithoutSecondFactor, handler) ? [] : [SecondFactorMissingError]),
    ...(method === 'GET' ? [] : [CrossSiteError]),
    ...(method === 'GET' || reflector.get(WorksInOutage, handler) ? [] : [OutageError]),
    ...(policy.isSafe || policy.isRepeatable ? [] : [OutcomeUnknownError]),
    ...[OverloadedError, DeadlineError, UnavailableError],
  ]);
  // Their codes and states are the same whatever they are made of.
  return [...classes].map((each) => new each());
}

/** One response for each status, with the codes that it may have. */
function refusals(errors: readonly Refusal[]): Responses {
  const byStatus = new Map<number, Refusal[]>();
  for (const error of errors) byStatus.set(error.status, [...(byStatus.get(error.status) ?? []), error]);
  return Object.fromEntries([...byStatus].map(([status, same]) => [status, refusal(status, same)]));
}

function refusal(status: number, errors: readonly Refusal[]): Responses[string] {
  const messages = errors.map(({ message }) => message).join(' · ');
  const code = { type: 'string', enum: [...new Set(errors.map((error) => error.code))] };
  const coded = { properties: { error: { properties: { code } } } };
  const retryAfter = { 'Retry-After': { description: 'Seconds to wait', schema: { type: 'integer' } } } as const;
  return {
    description: texts[status] ?? (messages || STATUS_CODES[status]!),
    ...(status in texts && { headers: retryAfter }),
    content: { 'application/json': { schema: { allOf: [{ $ref: '#/components/schemas/Fault' }, coded] } } },
  };
}
