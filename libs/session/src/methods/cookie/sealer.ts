// Seals bytes into a cookie's value so that only a server with one of the secrets can read, change or make one.
import { hkdfSync, randomBytes } from 'node:crypto';
import { checkSecrets } from '../../core/secrets.js';
import { NONCE_BYTES, TAG_BYTES, Xaes256Gcm } from './xaes-256-gcm.js';

const FORMAT = 1;
const KEY_ID_BYTES = 4;
const HEAD_BYTES = 1 + KEY_ID_BYTES;
const SEALED_FROM = HEAD_BYTES + NONCE_BYTES;

export interface Opened {
  readonly plain: Buffer;
  /** Sealed with another secret than the first: is to be sealed again. */
  readonly outdated: boolean;
}

/**
 * A sealed value is `format | key id | nonce | ciphertext | tag`, base64url. The first secret seals, all open, each
 * found by its key id: nothing is tried. A value that does not open is no value: there is no second way to read it
 * (CVE-2026-39324). Purpose and audience are bound in, so that a value is worth nothing in another place than its own.
 */
export class Sealer {
  private readonly keys = new Map<string, Xaes256Gcm>();
  private readonly current: { readonly id: string; readonly key: Xaes256Gcm };
  private readonly binding: Buffer;

  /** @throws TypeError for secrets that are missing or shorter than 32 characters. */
  constructor(secrets: readonly string[], purpose: string, audience: string) {
    checkSecrets(secrets);
    this.binding = Buffer.from(JSON.stringify(['roam', purpose, audience]));
    for (const secret of secrets) {
      const derive = (use: string, bytes: number) =>
        Buffer.from(hkdfSync('sha256', secret, '', `roam sealed ${purpose} ${use}`, bytes));
      const id = derive('key id', KEY_ID_BYTES).toString('hex');
      if (!this.keys.has(id)) this.keys.set(id, new Xaes256Gcm(derive('key', 32)));
    }
    const [[id, key]] = this.keys;
    this.current = { id, key };
  }

  /** The length of the value that so many bytes become. */
  static lengthOf(bytes: number): number {
    return Math.ceil(((SEALED_FROM + bytes + TAG_BYTES) * 4) / 3);
  }

  /** The most bytes that become a value of this length. */
  static bytesIn(length: number): number {
    return Math.floor((length * 3) / 4) - SEALED_FROM - TAG_BYTES;
  }

  seal(plain: Buffer): string {
    const head = Buffer.from([FORMAT, ...Buffer.from(this.current.id, 'hex')]);
    const nonce = randomBytes(NONCE_BYTES);
    return Buffer.concat([head, nonce, this.current.key.seal(nonce, plain, this.associated(head))]).toString(
      'base64url',
    );
  }

  /** What is in it, or undefined when it is not exactly a value that this sealer, with one of its secrets, has made. */
  open(value: string): Opened | undefined {
    const bytes = Buffer.from(value, 'base64url');
    // Decoding forgives foreign characters and spare bits: only the one canonical spelling is ours.
    if (bytes.length < SEALED_FROM || bytes[0] !== FORMAT || bytes.toString('base64url') !== value) return undefined;
    const head = bytes.subarray(0, HEAD_BYTES);
    const id = head.toString('hex', 1);
    const plain = this.keys
      .get(id)
      ?.open(bytes.subarray(HEAD_BYTES, SEALED_FROM), bytes.subarray(SEALED_FROM), this.associated(head));
    return plain && { plain, outdated: id !== this.current.id };
  }

  private associated(head: Buffer): Buffer {
    return Buffer.concat([head, this.binding]);
  }
}
