// Who uses something up that counts once: a request, however often a proxy repeats it.
import type { Request } from 'express';
import { randomUUID } from 'node:crypto';

/** The same for every try of one request, at most 64 ASCII characters. */
export function claimantOf(request: Request): string {
  return request.trustedId ?? randomUUID();
}
