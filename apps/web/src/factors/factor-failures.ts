// Counts the failures of an account's second factor since its last success, and bounds what may be guessed.
import { Injectable } from '@nestjs/common';
import { MysqlCluster } from '@roam/mysql-cluster';
import type { RowDataPacket } from 'mysql2';
import type { EntityManager } from 'typeorm';
import { limits } from '../config/limits.js';
import { Transactions } from '../database/transactions.js';
import { HoldsPersonalData, type PersonalData } from '../users/personal-data.js';

/** What is known of an account's failures when one more try has been counted. */
export interface Counted {
  readonly failures: number;
  /** Whether the owner was told of them. */
  readonly told: boolean;
  /** When the last link to allow codes again was mailed, in milliseconds since 1970; 0 before. */
  readonly unlockMailedAt: number;
  /** Whether the try may not take place. It is not counted then. */
  readonly isRefused: boolean;
}

/**
 * Every try is counted before it is checked, and a right one deletes the count. So no burst over any number of servers has
 * more tries than the limit: two that count at once change the same row, which one of them has to do after the other.
 * Nothing expires: who knows the password cannot go on tomorrow (OWASP ASVS 6.3.1, 6.5.1).
 */
@Injectable()
@HoldsPersonalData()
export class FactorFailures implements PersonalData {
  constructor(
    private readonly cluster: MysqlCluster,
    private readonly transactions: Transactions,
  ) {}

  /** Counts one try. @param isBounded whether it is refused at the limit: short codes can be guessed, recovery codes not */
  async count(userId: string, isBounded: boolean): Promise<Counted> {
    return this.transactions.run(async (manager) => {
      const before = await read(manager, userId);
      // First without a write: refused tries may come in any number.
      if (isBounded && before.failures >= limits.factorFailures) return { ...before, isRefused: true };
      await manager.query(
        'INSERT INTO factor_failures (user_id, failures) VALUES (?, 1) ON DUPLICATE KEY UPDATE failures = failures + 1',
        [userId],
      );
      const now = await read(manager, userId);
      if (!isBounded || now.failures <= limits.factorFailures) return now;
      // Another try took the last place meanwhile.
      await manager.query('UPDATE factor_failures SET failures = failures - 1 WHERE user_id = ?', [userId]);
      return { ...now, failures: now.failures - 1, isRefused: true };
    });
  }

  /** The identity was proved: whatever failed before counts no more. */
  async forget(userId: string, manager?: EntityManager): Promise<void> {
    const sql = 'DELETE FROM factor_failures WHERE user_id = ?';
    await (manager ? manager.query(sql, [userId]) : this.cluster.write(sql, [userId]));
  }

  /** The failures since the last success. */
  async of(userId: string): Promise<number> {
    const [row] = await this.cluster.read<RowDataPacket>('SELECT failures FROM factor_failures WHERE user_id = ?', [
      userId,
    ]);
    return Number((row as { failures: number } | undefined)?.failures ?? 0);
  }

  /** In a transaction. True for one caller, who tells the owner of the failures. */
  async claimTelling(userId: string, manager: EntityManager): Promise<boolean> {
    return changesOne(manager, 'UPDATE factor_failures SET told = TRUE WHERE user_id = ? AND NOT told', [userId]);
  }

  /** In a transaction. True for one caller in `limits.unlockMailMs`, who mails the link to allow codes again. */
  async claimUnlockMail(userId: string, manager: EntityManager): Promise<boolean> {
    const now = Date.now();
    return changesOne(
      manager,
      'UPDATE factor_failures SET told = TRUE, unlock_mailed_at = ? WHERE user_id = ? AND unlock_mailed_at <= ?',
      [now, userId, now - limits.unlockMailMs],
    );
  }

  deleteOf(userId: string, manager: EntityManager): Promise<void> {
    return this.forget(userId, manager);
  }
}

async function changesOne(manager: EntityManager, sql: string, parameters: unknown[]): Promise<boolean> {
  return (await manager.query<{ affectedRows: number }>(sql, parameters)).affectedRows > 0;
}

async function read(manager: EntityManager, userId: string): Promise<Counted> {
  const [row] = await manager.query<{ failures: number; told: number; unlockMailedAt: number | string }[]>(
    'SELECT failures, told, unlock_mailed_at AS unlockMailedAt FROM factor_failures WHERE user_id = ?',
    [userId],
  );
  const { failures = 0, told = 0, unlockMailedAt = 0 } = row ?? {};
  return { failures, told: Boolean(told), unlockMailedAt: Number(unlockMailedAt), isRefused: false };
}
