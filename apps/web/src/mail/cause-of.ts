// What an e-mail must know of the request that causes it.
import type { Caller } from '../http/caller.js';
import { idempotencyKeyOf } from '../http/idempotency-key.js';
import { addressKey } from '../http/subjects.js';
import type { SendOptions } from './mail.service.js';

/** Called before the transaction of the change: one that runs again must have the same key. */
export function causeOf(caller: Caller): Pick<SendOptions, 'key' | 'from'> {
  return { key: idempotencyKeyOf(caller), from: addressKey(caller.ip) };
}
