// The passkeys in the database.
import { Injectable } from '@nestjs/common';
import { MysqlCluster } from '@roam/mysql-cluster';
import type { RowDataPacket } from 'mysql2';
import { createHash } from 'node:crypto';
import type { EntityManager } from 'typeorm';
import { HoldsPersonalData, type Owner, type PersonalData } from '../users/personal-data.js';

/** A stored passkey: public data only. */
export interface Passkey {
  /** Its id in the API: the hash of `credentialId`, in base64url. */
  readonly id: string;
  readonly userId: string;
  readonly credentialId: Buffer;
  readonly publicKey: Buffer;
  /** How often it was used, if the authenticator counts; else 0. */
  readonly counter: number;
  readonly transports: readonly string[];
  readonly name: string;
  readonly createdAt: Date;
  readonly usedAt: Date | null;
  /**
   * When the challenge of the last use was issued, in milliseconds since 1970, and the idempotency key of that use; 0
   * and empty before.
   */
  readonly askedAt: number;
  readonly usedBy: string;
}

export interface NewPasskey extends Pick<Passkey, 'credentialId' | 'publicKey' | 'counter' | 'transports' | 'name'> {
  /** That the browser answered: it counts once. */
  readonly challenge: string;
}

/** One use. */
export interface Use {
  /** The counter of the authenticator. */
  readonly counter: number;
  /** When the challenge was issued, in milliseconds since 1970. */
  readonly askedAt: number;
  readonly idempotencyKey: string;
}

const columns = `hash, user_id AS userId, credential_id AS credentialId, public_key AS publicKey, counter, transports,
  name, created_at AS createdAt, used_at AS usedAt, asked_at AS askedAt, used_by AS usedBy`;

@Injectable()
@HoldsPersonalData()
export class PasskeyStore implements PersonalData {
  constructor(private readonly cluster: MysqlCluster) {}

  async find(credentialId: Buffer): Promise<Passkey | undefined> {
    const [row] = await this.cluster.read<RowDataPacket>(
      `SELECT ${columns} FROM passkeys WHERE hash = ? AND removed_by = ''`,
      [hashOf(credentialId)],
    );
    return row && passkey(row);
  }

  /** The passkeys of a user, oldest first. */
  async listOf(userId: string): Promise<Passkey[]> {
    const rows = await this.cluster.read<RowDataPacket>(
      `SELECT ${columns} FROM passkeys WHERE user_id = ? AND removed_by = '' ORDER BY created_at`,
      [userId],
    );
    return rows.map(passkey);
  }

  /** In a transaction: how many others than `except` the user has. */
  async countOf(userId: string, manager: EntityManager, except?: string): Promise<number> {
    const [{ count }] = await manager.query<{ count: number }[]>(
      "SELECT COUNT(*) AS count FROM passkeys WHERE user_id = ? AND hash <> ? AND removed_by = ''",
      [userId, Buffer.from(except ?? '', 'base64url')],
    );
    return Number(count);
  }

  /**
   * In a transaction. False if another user has the same one, since no authenticator creates an id twice, or if another one was
   * created for the same challenge. May be repeated.
   */
  async add(userId: string, credential: NewPasskey, manager: EntityManager): Promise<boolean> {
    const { credentialId, publicKey, counter, transports, name, challenge } = credential;
    const hash = hashOf(credentialId);
    await manager.query(
      `INSERT INTO passkeys (hash, user_id, credential_id, public_key, counter, transports, name, created_at, challenge)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON DUPLICATE KEY UPDATE hash = passkeys.hash`,
      [hash, userId, credentialId, publicKey, counter, JSON.stringify(transports), name, now(), hashOf(challenge)],
    );
    const own = "SELECT 1 FROM passkeys WHERE hash = ? AND user_id = ? AND removed_by = ''";
    return (await manager.query<unknown[]>(own, [hash, userId])).length > 0;
  }

  /**
   * Records a use, so that each challenge counts once; false when this challenge or a later one was answered before, or
   * when the passkey is removed. A repetition with the same idempotency key succeeds again. The counter never decreases.
   */
  async use({ credentialId }: Passkey, { counter, askedAt, idempotencyKey }: Use): Promise<boolean> {
    const { affectedRows } = await this.cluster.write(
      `UPDATE passkeys SET counter = GREATEST(counter, ?), used_at = ?, asked_at = ?, used_by = ?
       WHERE hash = ? AND removed_by = '' AND (asked_at < ? OR (asked_at = ? AND used_by = ?))`,
      [counter, now(), askedAt, idempotencyKey, hashOf(credentialId), askedAt, askedAt, idempotencyKey],
    );
    return affectedRows > 0;
  }

  /**
   * In a transaction. From then on nobody can sign in with the passkey; `remove` deletes it. False when the user has no
   * such passkey. A repetition with the same idempotency key succeeds again.
   */
  async disable(userId: string, id: string, idempotencyKey: string, manager: EntityManager): Promise<boolean> {
    const { affectedRows } = await manager.query<{ affectedRows: number }>(
      `UPDATE passkeys SET removed_by = ? WHERE hash = ? AND user_id = ? AND removed_by IN ('', ?)`,
      [idempotencyKey, Buffer.from(id, 'base64url'), userId, idempotencyKey],
    );
    return affectedRows > 0;
  }

  async remove(userId: string, id: string): Promise<void> {
    await this.cluster.write('DELETE FROM passkeys WHERE hash = ? AND user_id = ?', [
      Buffer.from(id, 'base64url'),
      userId,
    ]);
  }

  /** In a transaction. */
  async deleteOf(userId: string, manager: EntityManager): Promise<void> {
    await manager.query('DELETE FROM passkeys WHERE user_id = ?', [userId]);
  }

  async exportOf({ id }: Owner): Promise<{ passkeys: object[] }> {
    const passkeys = await this.listOf(id);
    return { passkeys: passkeys.map(({ name, createdAt, usedAt }) => ({ name, createdAt, usedAt })) };
  }
}

function passkey(row: RowDataPacket): Passkey {
  const { hash, ...rest } = row as Omit<Passkey, 'id'> & { hash: Buffer };
  return { ...rest, id: hash.toString('base64url') };
}

export function passkeyId(credentialId: Buffer): string {
  return hashOf(credentialId).toString('base64url');
}

function hashOf(value: Buffer | string): Buffer {
  return createHash('sha256').update(value).digest();
}

function now(): string {
  return new Date().toISOString().slice(0, -1);
}
