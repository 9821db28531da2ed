// Recovery codes: ten per user, each signs in once in place of the authenticator app.
import { Injectable } from '@nestjs/common';
import { MysqlCluster } from '@roam/mysql-cluster';
import type { RowDataPacket } from 'mysql2';
import { createHash, randomBytes } from 'node:crypto';
import type { EntityManager } from 'typeorm';
import { base32 } from './totp.js';
import { HoldsPersonalData, type PersonalData } from '../users/personal-data.js';

const count = 10;

@Injectable()
@HoldsPersonalData()
export class RecoveryCodesService implements PersonalData {
  constructor(private readonly cluster: MysqlCluster) {}

  /** In a transaction that has the user's turn. New codes, which replace all earlier ones; they cannot be shown again. */
  async renew(userId: string, manager: EntityManager): Promise<string[]> {
    // 125 bits each: enough for a plain hash (OWASP ASVS 6.5.2).
    const codes = Array.from({ length: count }, () => base32(randomBytes(16)).slice(0, 25));
    await this.deleteOf(userId, manager);
    await manager.query(
      `INSERT IGNORE INTO recovery_codes (hash, user_id) VALUES ${codes.map(() => '(?, ?)').join()}`,
      codes.flatMap((code) => [hashOf(code), userId]),
    );
    return codes.map((code) => code.match(/.{5}/g)!.join('-'));
  }

  /**
   * Uses a code up, however it is spaced; false when this user has no such code, or when it was used before. A repetition with
   * the same idempotency key succeeds again.
   */
  async use(userId: string, code: string, idempotencyKey: string): Promise<boolean> {
    const { affectedRows } = await this.cluster.write(
      `UPDATE recovery_codes SET used_by = ? WHERE hash = ? AND user_id = ? AND (used_by = '' OR used_by = ?)`,
      [idempotencyKey, hashOf(code.replace(/[\s-]/g, '').toUpperCase()), userId, idempotencyKey],
    );
    return affectedRows > 0;
  }

  /** The number of unused codes. */
  async left(userId: string): Promise<number> {
    const [row] = await this.cluster.read<RowDataPacket>(
      `SELECT COUNT(*) AS n FROM recovery_codes WHERE user_id = ? AND used_by = ''`,
      [userId],
    );
    return Number((row as { n: number }).n);
  }

  /** In a transaction. */
  async deleteOf(userId: string, manager: EntityManager): Promise<void> {
    await manager.query('DELETE FROM recovery_codes WHERE user_id = ?', [userId]);
  }
}

function hashOf(code: string): Buffer {
  return createHash('sha256').update(`recovery ${code}`).digest();
}
