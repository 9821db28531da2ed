// A file's authenticated contents: one line with the format, a nonce and a signature over all and the name, then JSON.
import { createHmac, hkdfSync, randomBytes, timingSafeEqual } from 'node:crypto';
import { checkSecrets } from '../../core/secrets.js';

const FORMAT = 'roam-session-file 1';
/** Two writers of the same JSON still write different files: each can tell its own. */
const NONCE_BYTES = 12;
const SIGNED_HEADER = FORMAT.length + 1 + 16 + 1;
const HEADER_LENGTH = SIGNED_HEADER + 43 + 1;

/** The keys that files are signed with; the first secret signs, all verify. Made once by a server for its helpers. */
export function sealKeys(secrets: readonly string[]): string[] {
  checkSecrets(secrets);
  return secrets.map((secret) => Buffer.from(hkdfSync('sha256', secret, '', 'roam session file', 32)).toString('hex'));
}

/**
 * Signs and verifies. The name is bound in, version included: a session's contents under another session's name, or an
 * older version of it under a newer name, are as foreign as a forged file.
 */
export class Seal {
  readonly #keys: readonly Buffer[];

  constructor(keys: readonly string[]) {
    this.#keys = keys.map((key) => Buffer.from(key, 'hex'));
  }

  close(name: string, body: string): Buffer {
    const header = `${FORMAT} ${randomBytes(NONCE_BYTES).toString('base64url')} `;
    return Buffer.from(`${header}${mac(this.#keys[0], name, header, body).toString('base64url')}\n${body}`);
  }

  /** The body, or undefined when these bytes are not what we wrote under this name. */
  open(name: string, bytes: Buffer): string | undefined {
    const header = bytes.toString('latin1', 0, HEADER_LENGTH);
    if (!header.startsWith(`${FORMAT} `) || !header.endsWith('\n')) return undefined;
    const signed = header.slice(0, SIGNED_HEADER);
    const given = Buffer.from(header.slice(SIGNED_HEADER, -1), 'base64url');
    const body = bytes.subarray(HEADER_LENGTH);
    const known = this.#keys.some((key) => {
      const expected = mac(key, name, signed, body);
      return expected.length === given.length && timingSafeEqual(expected, given);
    });
    return known ? body.toString() : undefined;
  }

  /** Whether the bytes are signed by the key that signs now. */
  isCurrent(name: string, bytes: Buffer): boolean {
    return new Seal([this.#keys[0].toString('hex')]).open(name, bytes) !== undefined;
  }
}

function mac(key: Buffer, name: string, header: string, body: string | Buffer): Buffer {
  return createHmac('sha256', key).update(`${name}\0${header}\0`).update(body).digest();
}
