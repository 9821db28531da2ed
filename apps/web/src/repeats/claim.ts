// What a request is claimed under: one id for all its tries, and what tells another request of the same key.
import type { Request } from 'express';
import { createHash } from 'node:crypto';
import { clientKeyOf, idempotencyKeyOf } from '../http/idempotency-key.js';

export interface Claim {
  /** Of user, method, path and idempotency key. 32 bytes. */
  readonly id: Buffer;
  /** Of the query and the body, except one that the handler reads itself. 32 bytes. */
  readonly content: Buffer;
  /** The proxy's key, which tries have that a proxy repeats, and not those of a client. */
  readonly proxyKey: string | undefined;
}

/** @throws {RequestError} 400 for a client's key that is not valid */
export function claimOf(request: Request): Claim {
  const clientKey = clientKeyOf(request);
  const key = clientKey === undefined ? ['proxy', idempotencyKeyOf(request)] : ['client', clientKey];
  const [path, query = ''] = request.originalUrl.split(/\?(.*)/s);
  return {
    id: hash(JSON.stringify([ownerOf(request), request.method, path, ...key])),
    content: hash(`${query}\n`, bodyOf(request)),
    proxyKey: request.trustedId,
  };
}

/** A visitor's key counts for their address only: another visitor who guesses it gets none of their answers. */
function ownerOf({ user, ip }: Request): string {
  return user ? `user ${user.id}` : `visitor ${ip}`;
}

function bodyOf({ body }: Request): string | Buffer {
  return Buffer.isBuffer(body) ? body : (JSON.stringify(body) ?? '');
}

function hash(...parts: (string | Buffer)[]): Buffer {
  const sum = createHash('sha256');
  for (const part of parts) sum.update(part);
  return sum.digest();
}
