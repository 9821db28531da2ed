// One recovery code of a user. Only its hash is stored.
import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import { ascii } from '../database/columns.js';

@Entity('recovery_codes')
export class RecoveryCode {
  @PrimaryColumn({ type: 'binary', length: 32 })
  hash!: Buffer;

  @Index('recovery_codes_user')
  @Column({ name: 'user_id', type: 'char', length: 36, ...ascii })
  userId!: string;

  /** The idempotency key of the request that used it; empty before. */
  @Column({ name: 'used_by', type: 'varchar', length: 64, default: '', ...ascii })
  usedBy!: string;
}
