// The idempotency key of a request: every try of a request that a proxy repeats has the same one.
import type { Request } from 'express';
import { randomUUID } from 'node:crypto';

/** At most 64 ASCII characters. */
export function idempotencyKeyOf(request: Request): string {
  return request.trustedId ?? randomUUID();
}
