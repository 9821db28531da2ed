// The two cookies' values: the token, which opens a session, and the mark, which says how new a copy must be.
import { createHmac, hash, hkdfSync, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Mark } from '../port/store.js';

const FORMAT = 1;
const ID_BYTES = 16;
const TIME_BYTES = 6;
const SECRET_BYTES = 20;
const MAC_BYTES = 16;
const SIGNED_BYTES = 1 + ID_BYTES + SECRET_BYTES;
const TOKEN_BYTES = SIGNED_BYTES + MAC_BYTES;
const TOKEN_LENGTH = Math.ceil((TOKEN_BYTES * 4) / 3);
const MARK = /^([A-Za-z0-9_-]{1,1000})\.([A-Za-z0-9_-]{16})$/;
const MARK_MAC_BYTES = 12;

/** Between what two tries of one request make there is less: a proxy that repeats a request gives up by then. */
export const REPEATED_WITHIN_MS = 5000;

/** An authentic token, taken apart. Its session may still be over. */
export interface OpenToken {
  readonly id: string;
  readonly secret: Buffer;
}

interface Keys {
  readonly token: Buffer;
  readonly mark: Buffer;
  readonly renewal: Buffer;
  readonly repeat: Buffer;
}

/**
 * Makes and opens tokens and marks. The first secret signs, all of them verify, so that secrets can be rotated.
 *
 * A token is `format | id | secret | HMAC-SHA256, 128 bits`, base64url: 160 random bits of secret (ASVS 7.2.3 asks for
 * 128), and a signature so that what we did not issue is refused before any read.
 */
export class Tokens {
  private readonly keys: readonly Keys[];

  constructor(secrets: readonly string[]) {
    checkSecrets(secrets);
    const derive = (secret: string, purpose: string) =>
      Buffer.from(hkdfSync('sha256', secret, '', `roam session ${purpose}`, 32));
    this.keys = secrets.map((secret) => ({
      token: derive(secret, 'token'),
      mark: derive(secret, 'mark'),
      renewal: derive(secret, 'renewal'),
      repeat: derive(secret, 'repeat'),
    }));
  }

  /** A token for this id and secret. */
  seal(id: string, secret: Buffer): string {
    const signed = Buffer.concat([Buffer.of(FORMAT), Buffer.from(id, 'hex'), secret]);
    return Buffer.concat([signed, mac(this.keys[0].token, signed, MAC_BYTES)]).toString('base64url');
  }

  /** The token's parts, or undefined when it is not exactly one that we issued. */
  open(token: string): OpenToken | undefined {
    if (token.length !== TOKEN_LENGTH) return undefined;
    const bytes = Buffer.from(token, 'base64url');
    // Decoding forgives foreign characters and spare bits: only the one canonical spelling is ours.
    if (bytes.length !== TOKEN_BYTES || bytes[0] !== FORMAT || bytes.toString('base64url') !== token) return undefined;
    const signed = bytes.subarray(0, SIGNED_BYTES);
    const given = bytes.subarray(SIGNED_BYTES);
    if (!this.keys.some((key) => timingSafeEqual(mac(key.token, signed, MAC_BYTES), given))) return undefined;
    return { id: bytes.toString('hex', 1, 1 + ID_BYTES), secret: bytes.subarray(1 + ID_BYTES, SIGNED_BYTES) };
  }

  /** Says that the browser has seen this much of this session. */
  sealMark(id: string, mark: Mark): string {
    return `${mark}.${markMac(this.keys[0].mark, id, mark)}`;
  }

  /** What the browser has seen of this session; undefined when the mark is missing, another session's or not ours. */
  openMark(sealed: string | undefined, id: string): Mark | undefined {
    const [, mark, given] = (sealed && MARK.exec(sealed)) || [];
    if (!mark || !given) return undefined;
    return this.keys.some((key) => equal(markMac(key.mark, id, mark), given)) ? mark : undefined;
  }

  /**
   * The secret for a session that comes with a token of another kind. Derived, not drawn, so that the answers to
   * parallel requests carry the same token.
   */
  secretOf(id: string): Buffer {
    return mac(this.keys[0].renewal, Buffer.from(`moved ${id}`), SECRET_BYTES);
  }

  /**
   * What opens the session that a request makes in the place of another: derived, not drawn, so that every try of the
   * request makes the same one. Its time is a step of `REPEATED_WITHIN_MS`: a later try is of this step or the next.
   * @param cause names the request and the session that it replaces.
   */
  identityFor(cause: string, now: number): OpenToken {
    const time = now - (now % REPEATED_WITHIN_MS);
    const bytes = mac(this.keys[0].repeat, Buffer.from(`${time} ${cause}`), ID_BYTES + SECRET_BYTES - TIME_BYTES);
    return { id: idOf(time, bytes.subarray(SECRET_BYTES)), secret: bytes.subarray(0, SECRET_BYTES) };
  }

  /**
   * The secrets that may follow this one at a timed renewal, the one to hand out first. Derived, not drawn, so that
   * any server can send the same one again when the answer that carried it was lost.
   */
  successors({ id, secret }: OpenToken): Buffer[] {
    const input = Buffer.concat([Buffer.from(id, 'hex'), secret]);
    return this.keys.map((key) => mac(key.renewal, input, SECRET_BYTES));
  }
}

/** @throws TypeError for secrets that are missing or too short. */
export function checkSecrets(secrets: readonly string[]): void {
  if (secrets.length === 0) throw new TypeError('Sessions need at least one secret: set secrets.');
  const short = secrets.findIndex((secret) => secret.length < 32);
  if (short >= 0) throw new TypeError(`Session secret ${short + 1} is shorter than 32 characters: use a longer one.`);
}

/** A fresh id: the time first (see `SessionRecord.id`). */
export function newId(now: number): string {
  return idOf(now, randomBytes(ID_BYTES - TIME_BYTES));
}

function idOf(time: number, rest: Buffer): string {
  return time.toString(16).padStart(2 * TIME_BYTES, '0') + rest.toString('hex');
}

/** When the session of this id was created, in milliseconds since 1970. */
export function createdAt(id: string): number {
  return parseInt(id.slice(0, 12), 16);
}

export function newSecret(): Buffer {
  return randomBytes(SECRET_BYTES);
}

/** What the store keeps of a secret. */
export function hashSecret(secret: Buffer): string {
  return hash('sha256', secret, 'base64url');
}

/** Compares two strings in a time that depends on their lengths only. */
export function equal(a: string, b: string): boolean {
  return a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));
}

function mac(key: Buffer, data: Buffer, bytes: number): Buffer {
  return createHmac('sha256', key).update(data).digest().subarray(0, bytes);
}

function markMac(key: Buffer, id: string, mark: Mark): string {
  return createHmac('sha256', key).update(`${id}.${mark}`).digest().toString('base64url', 0, MARK_MAC_BYTES);
}
