// Encrypts secrets before they are stored, so that the database alone signs nobody in.
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';

const nonceBytes = 12;
const tagBytes = 16;

/** AES-256-GCM, bound to purpose and owner. The first of the app's secrets encrypts, all decrypt. */
export class SecretBox {
  readonly #keys: readonly Buffer[];

  /** @param purpose must never change: it derives the keys */
  constructor(
    secrets: readonly string[],
    private readonly purpose: 'roam second factor' | 'roam outbox' | 'roam request claims',
  ) {
    this.#keys = secrets.map((secret) => Buffer.from(hkdfSync('sha256', secret, '', purpose, 32)));
  }

  seal(owner: string, secret: Buffer): Buffer {
    const nonce = randomBytes(nonceBytes);
    const cipher = createCipheriv('aes-256-gcm', this.#keys[0], nonce).setAAD(Buffer.from(owner));
    return Buffer.concat([nonce, cipher.update(secret), cipher.final(), cipher.getAuthTag()]);
  }

  /** @throws {Error} when no key decrypts it: a fault of the settings or the database, not of the user */
  open(owner: string, sealed: Buffer): { secret: Buffer; isOld: boolean } {
    for (const [number, key] of this.#keys.entries()) {
      try {
        const cipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, nonceBytes), {
          authTagLength: tagBytes,
        });
        cipher.setAAD(Buffer.from(owner)).setAuthTag(sealed.subarray(-tagBytes));
        const secret = Buffer.concat([cipher.update(sealed.subarray(nonceBytes, -tagBytes)), cipher.final()]);
        return { secret, isOld: number > 0 };
      } catch {
        // Encrypted with another key: try the next one.
      }
    }
    throw new Error(
      `no key of SESSION_SECRETS decrypts a stored secret (${this.purpose}): add the secret that was in use before`,
    );
  }
}
