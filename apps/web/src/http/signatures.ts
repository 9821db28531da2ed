// Signs short texts that the browser stores and sends back, so that nobody can forge one.
import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';

/** Of a signature in base64url. */
const LENGTH = 43;

/** HMAC-SHA-256. The first secret signs, all verify, so that secrets can be rotated. */
export class Signatures {
  /** Out of sight of logs. */
  readonly #keys: readonly Buffer[];

  /** @param purpose a signature for one purpose is not valid for another */
  constructor(secrets: readonly string[], purpose: string) {
    this.#keys = secrets.map((secret) => Buffer.from(hkdfSync('sha256', secret, '', purpose, 32)));
  }

  /** In base64url. */
  sign(text: string, key = this.#keys[0]): string {
    return createHmac('sha256', key).update(text).digest('base64url');
  }

  verify(text: string, signature: string): boolean {
    // The browser may send any number of them: only what could be one is worth a computation.
    if (signature.length !== LENGTH) return false;
    const given = Buffer.from(signature);
    return this.#keys.some((key) => {
      const expected = Buffer.from(this.sign(text, key));
      return given.length === expected.length && timingSafeEqual(given, expected);
    });
  }
}
