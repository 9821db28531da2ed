// A passkey of a user: public data only.
import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import { ascii, milliseconds } from '../database/columns.js';

@Entity('passkeys')
@Index('passkeys_user', ['userId', 'createdAt'])
export class Passkey {
  /** Of `credentialId`, which itself may have 1023 bytes. */
  @PrimaryColumn({ type: 'binary', length: 32 })
  hash!: Buffer;

  @Column({ name: 'user_id', type: 'char', length: 36, ...ascii })
  userId!: string;

  @Column({ name: 'credential_id', type: 'varbinary', length: 1023 })
  credentialId!: Buffer;

  @Column({ name: 'public_key', type: 'varbinary', length: 2048 })
  publicKey!: Buffer;

  /** How often it was used, if the authenticator counts; else 0. */
  @Column({ type: 'int', unsigned: true })
  counter!: number;

  @Column({ type: 'json' })
  transports!: readonly string[];

  @Column({ type: 'varchar', length: 100 })
  name!: string;

  @Column({ name: 'created_at', type: 'datetime', precision: 3 })
  createdAt!: Date;

  @Column({ name: 'used_at', type: 'datetime', precision: 3, nullable: true })
  usedAt!: Date | null;

  /** When the challenge of the last use was issued; 0 before. */
  @Column({ name: 'asked_at', default: 0, ...milliseconds })
  askedAt!: number;

  /** The idempotency key of the last use; empty before. */
  @Column({ name: 'used_by', type: 'varchar', length: 64, default: '', ...ascii })
  usedBy!: string;

  /** The idempotency key of its removal; empty before. */
  @Column({ name: 'removed_by', type: 'varchar', length: 64, default: '', ...ascii })
  removedBy!: string;

  /** The hash of the challenge that it was created for: each counts once. */
  @Index('passkeys_challenge', { unique: true })
  @Column({ type: 'binary', length: 32, nullable: true, select: false })
  challenge?: Buffer | null;

  /** Its id in the API. */
  get id(): string {
    return this.hash.toString('base64url');
  }
}
