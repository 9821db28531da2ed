// The ids of rows: made by the web server, so that a repeated insert finds its own row.
import { createHash } from 'node:crypto';
import { stringify, v7 } from 'uuid';

/**
 * A new id: UUID version 7 (RFC 9562), which begins with the time, so that new rows stand beside each other in the table. In a
 * handler that is `@Repeatable()` without `because` it is all that a row needs: the row of an earlier try is rolled back, or the
 * handler is not run again. Choose it before `Transactions.run`, whose work may run again.
 * @param now milliseconds since 1970, if the row has a time of its own
 */
export function newId(now?: number): string {
  return now === undefined ? v7() : v7({ msecs: now });
}

/**
 * The same id for each try of a request, where the handler itself makes it count once (`@Repeatable({ because })`): UUID version
 * 8, RFC 9562's "custom". It cannot have the time of a version 7, which is another one at each try.
 * @param requestId of `idempotencyKeyOf`
 * @param what the kind of the row, and what tells it from others of the request
 */
export function idOfRequest(requestId: string, ...what: readonly string[]): string {
  const [kind, ...rest] = what;
  const bytes = createHash('sha256')
    .update([kind, requestId, ...rest].join(' '))
    .digest();
  // The bits of the version and of the variant.
  bytes[6] = 0x80 | (bytes[6] & 0x0f);
  bytes[8] = 0x80 | (bytes[8] & 0x0f);
  return stringify(bytes.subarray(0, 16));
}
