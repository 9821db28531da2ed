// The token in an e-mail: what it allows. Only its hash is stored.
import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import { ascii, milliseconds } from '../database/columns.js';

export type TokenPurpose = 'verify-email' | 'change-email' | 'reset-password' | 'unlock-codes' | 'not-me';

@Entity('account_tokens')
@Index('account_tokens_user', ['userId', 'purpose'])
export class AccountToken {
  @PrimaryColumn({ type: 'binary', length: 32 })
  hash!: Buffer;

  @Column({ type: 'varchar', length: 20, ...ascii })
  purpose!: TokenPurpose;

  @Column({ name: 'user_id', type: 'char', length: 36, ...ascii })
  userId!: string;

  /** The address that the mail went to. */
  @Column({ type: 'varchar', length: 254, charset: 'utf8mb4', collation: 'utf8mb4_bin' })
  email!: string;

  @Column({ name: 'end_sessions', type: 'boolean' })
  endSessions!: boolean;

  @Index('account_tokens_expires_at')
  @Column({ name: 'expires_at', ...milliseconds })
  expiresAt!: number;

  /** The idempotency key of the request that used it; empty before. */
  @Column({ name: 'claimed_by', type: 'varchar', length: 64, default: '', ...ascii })
  claimedBy!: string;
}
