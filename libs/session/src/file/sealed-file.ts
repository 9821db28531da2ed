// A file's authenticated contents: one line with the format and a signature that covers the file's name, then JSON.
import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';

const FORMAT = 'roam-session-file 1';
const HEADER_LENGTH = FORMAT.length + 1 + 43 + 1;

/** The keys that files are signed with; the first secret signs, all verify. Made once by a server for its helpers. */
export function sealKeys(secrets: readonly string[]): string[] {
  if (secrets.length === 0) throw new TypeError('Session files need at least one secret.');
  const short = secrets.findIndex((secret) => secret.length < 32);
  if (short >= 0) throw new TypeError(`Session secret ${short + 1} is shorter than 32 characters.`);
  return secrets.map((secret) => Buffer.from(hkdfSync('sha256', secret, '', 'roam session file', 32)).toString('hex'));
}

/**
 * Signs and verifies. The name is bound in, version included: a session's contents under another session's name, or an
 * older version of it under a newer name, are as foreign as what somebody made up.
 */
export class Seal {
  private readonly keys: readonly Buffer[];

  constructor(keys: readonly string[]) {
    this.keys = keys.map((key) => Buffer.from(key, 'hex'));
  }

  close(name: string, body: string): Buffer {
    return Buffer.from(`${FORMAT} ${mac(this.keys[0], name, body).toString('base64url')}\n${body}`);
  }

  /** The body, or undefined when these bytes are not what we wrote under this name. */
  open(name: string, bytes: Buffer): string | undefined {
    const header = bytes.toString('latin1', 0, HEADER_LENGTH);
    if (!header.startsWith(`${FORMAT} `) || !header.endsWith('\n')) return undefined;
    const given = Buffer.from(header.slice(FORMAT.length + 1, -1), 'base64url');
    const body = bytes.subarray(HEADER_LENGTH);
    const known = this.keys.some((key) => {
      const expected = mac(key, name, body);
      return expected.length === given.length && timingSafeEqual(expected, given);
    });
    return known ? body.toString() : undefined;
  }

  /** Whether the bytes are signed by the key that signs now. */
  isCurrent(name: string, bytes: Buffer): boolean {
    return new Seal([this.keys[0].toString('hex')]).open(name, bytes) !== undefined;
  }
}

function mac(key: Buffer, name: string, body: string | Buffer): Buffer {
  return createHmac('sha256', key).update(`${FORMAT}\0${name}\0`).update(body).digest();
}
