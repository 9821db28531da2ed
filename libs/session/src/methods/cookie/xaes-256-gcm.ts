// XAES-256-GCM (C2SP, https://c2sp.org/XAES-256-GCM): AES-256-GCM with nonces long enough to be drawn at random.
import { createCipheriv, createDecipheriv } from 'node:crypto';

const BLOCK = 16;
const HALF_NONCE = 12;
export const NONCE_BYTES = 2 * HALF_NONCE;
export const TAG_BYTES = 16;

/**
 * Authenticated encryption with one key. Half of the nonce derives a key of its own for the message, the other half is
 * that key's nonce: so 2^80 messages with random nonces are safe, where AES-256-GCM alone stops at 2^32, which the
 * cookies of a busy site reach in a year.
 */
export class Xaes256Gcm {
  readonly #key: Buffer;
  readonly #subkey: Buffer;

  /** @param key 32 random bytes. */
  constructor(key: Buffer) {
    this.#key = key;
    this.#subkey = doubled(this.encryptBlocks(Buffer.alloc(BLOCK)));
  }

  /** The ciphertext and its tag. `nonce`: 24 random bytes. */
  seal(nonce: Buffer, plain: Buffer, associated: Buffer): Buffer {
    const cipher = createCipheriv('aes-256-gcm', this.messageKey(nonce), nonce.subarray(HALF_NONCE));
    cipher.setAAD(associated);
    return Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
  }

  /** The plaintext, or undefined when this key has not sealed exactly this. */
  open(nonce: Buffer, sealed: Buffer, associated: Buffer): Buffer | undefined {
    if (sealed.length < TAG_BYTES) return undefined;
    const end = sealed.length - TAG_BYTES;
    const decipher = createDecipheriv('aes-256-gcm', this.messageKey(nonce), nonce.subarray(HALF_NONCE), {
      authTagLength: TAG_BYTES,
    });
    decipher.setAAD(associated).setAuthTag(sealed.subarray(end));
    const plain = decipher.update(sealed.subarray(0, end));
    try {
      decipher.final();
    } catch {
      return undefined;
    }
    return plain;
  }

  /** The KDF of NIST SP 800-108r1 with CMAC, as the standard spells it out. */
  private messageKey(nonce: Buffer): Buffer {
    const input = Buffer.alloc(2 * BLOCK);
    for (const counter of [1, 2]) {
      const block = input.subarray((counter - 1) * BLOCK, counter * BLOCK);
      block.set([0, counter, 'X'.charCodeAt(0), 0]);
      nonce.copy(block, 4, 0, HALF_NONCE);
      for (let i = 0; i < BLOCK; i++) block[i] ^= this.#subkey[i];
    }
    return this.encryptBlocks(input);
  }

  private encryptBlocks(blocks: Buffer): Buffer {
    return createCipheriv('aes-256-ecb', this.#key, null).setAutoPadding(false).update(blocks);
  }
}

/** CMAC's subkey: the block doubled in GF(2^128). */
function doubled(block: Buffer): Buffer {
  const result = Buffer.alloc(BLOCK);
  for (let i = 0; i < BLOCK; i++) result[i] = (block[i] << 1) | ((block[i + 1] ?? 0) >> 7);
  if (block[0] & 0x80) result[BLOCK - 1] ^= 0x87;
  return result;
}
