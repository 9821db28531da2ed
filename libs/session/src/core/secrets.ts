// The site's secrets: how keys are derived from them.
import { createHmac, hkdfSync } from 'node:crypto';

/** @throws TypeError for secrets that are missing or too short. */
export function checkSecrets(secrets: readonly string[]): void {
  if (secrets.length === 0) throw new TypeError('Sessions need at least one secret: set secrets.');
  const short = secrets.findIndex((secret) => secret.length < 32);
  if (short >= 0) throw new TypeError(`Session secret ${short + 1} is shorter than 32 characters: use a longer one.`);
}

/** A key of 32 bytes for this purpose only. */
export function deriveKey(secret: string, purpose: string): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, '', `roam session ${purpose}`, 32));
}

export function mac(key: Buffer, data: Buffer, bytes: number): Buffer {
  return createHmac('sha256', key).update(data).digest().subarray(0, bytes);
}
