// What opens a session: its id, which is public, and its secret.
import { hash, randomBytes } from 'node:crypto';

export const ID_BYTES = 16;
const TIME_BYTES = 6;
/** 160 random bits: ASVS 7.2.3 asks for 128. */
export const SECRET_BYTES = 20;

export interface Identity {
  readonly id: string;
  readonly secret: Buffer;
}

export function newIdentity(now: number): Identity {
  return { id: newId(now), secret: randomBytes(SECRET_BYTES) };
}

/** A fresh id: the time first (see `SessionRecord.id`). */
export function newId(now: number): string {
  return idOf(now, randomBytes(ID_BYTES - TIME_BYTES));
}

/** @param bytes as many as an id and a secret have beside the time */
export function identityOf(time: number, bytes: Buffer): Identity {
  return { id: idOf(time, bytes.subarray(SECRET_BYTES)), secret: bytes.subarray(0, SECRET_BYTES) };
}

/** How many bytes `identityOf` takes. */
export const IDENTITY_BYTES = SECRET_BYTES + ID_BYTES - TIME_BYTES;

/** When the session of this id was created, in milliseconds since 1970. */
export function createdAt(id: string): number {
  return parseInt(id.slice(0, 2 * TIME_BYTES), 16);
}

/** What the store keeps of a secret. */
export function hashSecret(secret: Buffer): string {
  return hash('sha256', secret, 'base64url');
}

function idOf(time: number, rest: Buffer): string {
  return time.toString(16).padStart(2 * TIME_BYTES, '0') + rest.toString('hex');
}
