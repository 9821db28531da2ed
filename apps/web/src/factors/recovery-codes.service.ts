// Recovery codes: ten per user, each signs in once in place of the authenticator app.
import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { createHash, randomBytes } from 'node:crypto';
import { In, type EntityManager, type Repository } from 'typeorm';
import { Transactions } from '../database/transactions.js';
import { RecoveryCode } from './recovery-code.entity.js';
import { base32 } from './totp.js';
import { HoldsPersonalData, type PersonalData } from '../users/personal-data.js';

const count = 10;

@Injectable()
@HoldsPersonalData()
export class RecoveryCodesService implements PersonalData {
  constructor(
    @InjectRepository(RecoveryCode) private readonly codes: Repository<RecoveryCode>,
    private readonly transactions: Transactions,
  ) {}

  /** In a transaction that has the user's turn. New codes, which replace all earlier ones; they cannot be shown again. */
  async renew(userId: string, manager: EntityManager): Promise<string[]> {
    // 125 bits each: enough for a plain hash (OWASP ASVS 6.5.2).
    const codes = Array.from({ length: count }, () => base32(randomBytes(16)).slice(0, 25));
    await this.deleteOf(userId, manager);
    const rows = codes.map((code) => ({ hash: hashOf(code), userId }));
    // TypeORM would read the defaults of the new rows back.
    await manager.createQueryBuilder().insert().into(RecoveryCode).values(rows).updateEntity(false).execute();
    return codes.map((code) => code.match(/.{5}/g)!.join('-'));
  }

  /**
   * Uses a code up, however it is spaced; false when this user has no such code, or when it was used before. A repetition with
   * the same idempotency key succeeds again.
   */
  async use(userId: string, code: string, idempotencyKey: string): Promise<boolean> {
    const hash = hashOf(code.replace(/[\s-]/g, '').toUpperCase());
    const unused = { hash, userId, usedBy: In(['', idempotencyKey]) };
    const { affected } = await this.transactions.statement(() => this.codes.update(unused, { usedBy: idempotencyKey }));
    return affected === 1;
  }

  /** The number of unused codes. */
  left(userId: string): Promise<number> {
    return this.transactions.statement(() => this.codes.countBy({ userId, usedBy: '' }));
  }

  /** In a transaction. */
  async deleteOf(userId: string, manager: EntityManager): Promise<void> {
    await manager.delete(RecoveryCode, { userId });
  }
}

function hashOf(code: string): Buffer {
  return createHash('sha256').update(`recovery ${code}`).digest();
}
