// The idempotency key of a request: every try of one request has the same one.
import type { Request } from 'express';
import { randomUUID } from 'node:crypto';
import { RequestError } from './app.errors.js';

/** The key that a proxy gives, which every try of a request that it repeats has. At most 64 ASCII characters. */
export function idempotencyKeyOf(request: Pick<Request, 'trustedId'>): string {
  return request.trustedId ?? randomUUID();
}

/** A string of RFC 9651, or its content without the quotes. */
const quoted = /^"((?:[\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"$/;
const bare = /^[\x21\x23-\x5b\x5d-\x7e]*$/;

/**
 * The client's own key, the header `Idempotency-Key` (draft-ietf-httpapi-idempotency-key): 1 to 64 visible ASCII characters,
 * with or without quotes. A client that tries again gets another key from the proxy, so its own one says more. It counts
 * for one user, or for the address of a visitor.
 * @throws {RequestError} 400
 */
export function clientKeyOf(request: Request): string | undefined {
  const header = request.get('idempotency-key');
  if (header === undefined) return undefined;
  const key = bare.test(header) ? header : quoted.exec(header)?.[1].replace(/\\(.)/g, '$1');
  if (key === undefined || key.length < 1 || key.length > 64)
    throw new RequestError(
      400,
      'invalid_idempotency_key',
      'The header Idempotency-Key is not valid. Send 1 to 64 visible ASCII characters.',
    );
  return key;
}
