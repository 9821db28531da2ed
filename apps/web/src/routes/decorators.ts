// What a route declares about itself: whether it may run again, and its own limits. Read by the app, and by nginx through
// the include that `nginx-include.ts` writes.
import { Reflector } from '@nestjs/core';

export interface RepeatableOptions {
  /**
   * Why the handler counts once by itself, such as "its only effect is the session's, whose writes count once". Without a
   * reason the app claims each request: its effects through TypeORM and its answer are one transaction, and a repeated
   * request gets the stored answer.
   */
  readonly because?: string;
}

export interface RouteLimits {
  /** Milliseconds for the answer, from the arrival of the whole request. */
  readonly time?: number;
  /** Bytes of the request's body. The route then takes bodies of every type. */
  readonly body?: number;
  /** Milliseconds that may pass between two parts of an answer; at least as long as its first byte may take. */
  readonly idle?: number;
}

/**
 * A handler with an effect that may be run again for the same request, by a proxy, a server or a client, with the effect of
 * once. nginx sends such a request to the next server when one fails.
 */
export const Repeatable = Reflector.createDecorator<RepeatableOptions | void, RepeatableOptions>({
  transform: (options) => options ?? {},
});

/** Whether the app claims the requests of a handler with this declaration. */
export function isClaimed(declared: RepeatableOptions | undefined): boolean {
  return declared !== undefined && declared.because === undefined;
}

/** A handler of a GET that has an effect, such as the callback of a sign-in: it is never run again for the same request. */
export const NotRepeatable = Reflector.createDecorator<void, true>({ transform: () => true });

/**
 * Limits of this route in place of `limits.requestMs`, `limits.bodyBytes` and nginx's. With a time or a size of its own a
 * GET is not repeated once it has begun.
 */
export const Limits = Reflector.createDecorator<RouteLimits>();

/**
 * A handler that answers bit by bit, as long as both sides wish: it holds a place among the running requests only until its
 * first byte, nginx passes each part on as it comes, and `idle` is an hour where `@Limits` says nothing else.
 */
export const Stream = Reflector.createDecorator<void, true>({ transform: () => true });
