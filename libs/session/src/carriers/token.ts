// The two cookies' values: the token, which opens a session, and the mark, which says how new a copy must be.
import { createHmac, timingSafeEqual } from 'node:crypto';
import { hashSecret, ID_BYTES, SECRET_BYTES, type Identity } from '../core/identity.js';
import { checkSecrets, deriveKey, mac } from '../core/secrets.js';
import type { Mark } from '../port/records.js';
import { Recent } from './recent.js';

const FORMAT = 1;
const MAC_BYTES = 16;
const SIGNED_BYTES = 1 + ID_BYTES + SECRET_BYTES;
const TOKEN_BYTES = SIGNED_BYTES + MAC_BYTES;
const TOKEN_LENGTH = Math.ceil((TOKEN_BYTES * 4) / 3);
const MARK = /^([A-Za-z0-9_-]{1,1000})\.([A-Za-z0-9_-]{16})$/;
const MARK_MAC_BYTES = 12;
/** The number of tokens, and of marks, that a server remembers; at times twice as many. */
const REMEMBERED = 4096;

/** What opens a session, as a browser has brought it. Do not spread one: its secret is computed. */
export interface Token extends Identity {
  /** Of the secret, as the store keeps it. */
  readonly hash: string;
}

/** A verified token. It decodes its secret on demand, because a kept buffer would hold its slab of others in memory. */
class VerifiedToken implements Token {
  readonly #sealed: string;

  constructor(
    sealed: string,
    readonly id: string,
    readonly hash: string,
  ) {
    this.#sealed = sealed;
  }

  get secret(): Buffer {
    return Buffer.from(this.#sealed, 'base64url').subarray(1 + ID_BYTES, SIGNED_BYTES);
  }
}

interface VerifiedMark {
  readonly sealed: string;
  readonly mark: Mark;
}

interface Keys {
  readonly token: Buffer;
  readonly mark: Buffer;
  readonly renewal: Buffer;
}

/**
 * Makes and opens tokens and marks. The first secret signs, all of them verify, so that secrets can be rotated.
 *
 * A token is `format | id | secret | HMAC-SHA256, 128 bits`, base64url: 160 random bits of secret (ASVS 7.2.3 asks for
 * 128), and a signature so that what we did not issue is refused before any read.
 *
 * Browsers send the same two cookies again and again, so the server caches those that it has verified. Forged ones never
 * enter the cache.
 */
export class Tokens {
  readonly #keys: readonly Keys[];
  readonly #tokens = new Recent<VerifiedToken>(REMEMBERED);
  /** By the session's id. */
  readonly #marks = new Recent<VerifiedMark>(REMEMBERED);

  constructor(secrets: readonly string[]) {
    checkSecrets(secrets);
    this.#keys = secrets.map((secret) => ({
      token: deriveKey(secret, 'token'),
      mark: deriveKey(secret, 'mark'),
      renewal: deriveKey(secret, 'renewal'),
    }));
  }

  /** A token for this id and secret. */
  seal(id: string, secret: Buffer): string {
    const signed = Buffer.concat([Buffer.of(FORMAT), Buffer.from(id, 'hex'), secret]);
    return Buffer.concat([signed, mac(this.#keys[0].token, signed, MAC_BYTES)]).toString('base64url');
  }

  /** The token's parts, or undefined when it is not exactly one that we issued. */
  open(token: string): Token | undefined {
    if (token.length !== TOKEN_LENGTH) return undefined;
    return this.#tokens.get(token) ?? this.verify(token);
  }

  private verify(token: string): Token | undefined {
    const bytes = Buffer.from(token, 'base64url');
    if (bytes.length !== TOKEN_BYTES || bytes[0] !== FORMAT) return undefined;
    // Decoding forgives foreign characters and spare bits: only the one canonical spelling is ours. It is kept instead of
    // the given one, which may be a part of the whole header and would hold that in memory.
    const sealed = bytes.toString('base64url');
    if (sealed !== token) return undefined;
    const signed = bytes.subarray(0, SIGNED_BYTES);
    const given = bytes.subarray(SIGNED_BYTES);
    if (!this.#keys.some((key) => timingSafeEqual(mac(key.token, signed, MAC_BYTES), given))) return undefined;
    const id = bytes.toString('hex', 1, 1 + ID_BYTES);
    const verified = new VerifiedToken(sealed, id, hashSecret(bytes.subarray(1 + ID_BYTES, SIGNED_BYTES)));
    this.#tokens.set(sealed, verified);
    return verified;
  }

  /** Says that the browser has seen this much of this session. */
  sealMark(id: string, mark: Mark): string {
    const sealed = `${mark}.${markMac(this.#keys[0].mark, id, mark)}`;
    // The browser's next request most likely brings it.
    this.#marks.set(id, { sealed, mark });
    return sealed;
  }

  /** What the browser has seen of this session; undefined when the mark is missing, another session's or not ours. */
  openMark(sealed: string | undefined, id: string): Mark | undefined {
    if (!sealed) return undefined;
    const known = this.#marks.get(id);
    if (known?.sealed === sealed) return known.mark;
    const [, mark, given] = MARK.exec(sealed) ?? [];
    if (!mark || !given || !this.#keys.some((key) => equal(markMac(key.mark, id, mark), given))) return undefined;
    this.#marks.set(id, { sealed: copyOf(sealed), mark: copyOf(mark) });
    return mark;
  }

  /**
   * The secret for a session that comes with a token of another kind. Derived, not drawn, so that the answers to
   * parallel requests carry the same token.
   */
  secretOf(id: string): Buffer {
    return mac(this.#keys[0].renewal, Buffer.from(`moved ${id}`), SECRET_BYTES);
  }

  /**
   * The secrets that may follow this one at a timed renewal, the one to hand out first. Derived, not drawn, so that
   * any server can send the same one again when the answer that carried it was lost.
   */
  successors({ id, secret }: Identity): Buffer[] {
    const input = Buffer.concat([Buffer.from(id, 'hex'), secret]);
    return this.#keys.map((key) => mac(key.renewal, input, SECRET_BYTES));
  }
}

function markMac(key: Buffer, id: string, mark: Mark): string {
  return createHmac('sha256', key).update(`${id}.${mark}`).digest().toString('base64url', 0, MARK_MAC_BYTES);
}

/** Copies a part of a header, so that the header can be freed. */
function copyOf(text: string): string {
  return Buffer.from(text, 'latin1').toString('latin1');
}

/** Compares two strings in a time that depends on their lengths only. */
export function equal(a: string, b: string): boolean {
  return a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));
}
