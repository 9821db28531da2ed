// What makes a request count once that a proxy repeats: every try of it derives the same write ids and identities.
import { createHash, randomInt } from 'node:crypto';
import { createdAt, IDENTITY_BYTES, identityOf, newIdentity, type Identity } from './identity.js';
import { mac } from './secrets.js';

/** Between what two tries of one request make there is less: a proxy that repeats a request gives up by then. */
export const REPEATED_WITHIN_MS = 5000;

/** One per try of a request. Without a request id, all that it makes is random. */
export class RepeatSafety {
  private writes = 0;
  private successors = 0;

  readonly #key: Buffer;

  constructor(
    key: Buffer,
    private readonly now: () => number,
    private readonly requestId: string | undefined,
  ) {
    this.#key = key;
  }

  nextWriteId(): string {
    const count = this.writes++;
    // 48 random bits: to be told from the other writes of one record.
    if (this.requestId === undefined) return randomInt(2 ** 48 - 1).toString(36);
    return createHash('sha256').update(`${this.requestId} ${count}`).digest().toString('base64url', 0, 8);
  }

  /** What opens a session that takes no other's place. */
  identity(): Identity {
    return newIdentity(this.now());
  }

  /**
   * What opens the session in the place of `old`: `now`, and what a try in the step of time `before` has made.
   * Undefined where it may be random.
   */
  successorOf(old: string | undefined): { now: Identity; before: () => Identity } | undefined {
    if (this.requestId === undefined || old === undefined) return undefined;
    const cause = `${this.requestId} ${old} ${this.successors++}`;
    const now = this.now();
    return { now: this.derived(cause, now), before: () => this.derived(cause, now - REPEATED_WITHIN_MS) };
  }

  /** An id that is ended together with a sealed session: it tells later tries that this request has left the session. */
  traceOf(id: string): string | undefined {
    if (this.requestId === undefined) return undefined;
    return this.derived(`${this.requestId} has left ${id}`, createdAt(id)).id;
  }

  /** Its time is a step of `REPEATED_WITHIN_MS`: a later try is of this step or the next. */
  private derived(cause: string, now: number): Identity {
    const time = now - (now % REPEATED_WITHIN_MS);
    return identityOf(time, mac(this.#key, Buffer.from(`${time} ${cause}`), IDENTITY_BYTES));
  }
}
