// One effect outside of MySQL that a commit has promised.
import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import { ascii } from '../database/columns.js';

/** Times are milliseconds since 1970 by the database's clock; only MySQL compares them. */
@Entity('outbox')
export class OutboxRow {
  /** The hash of the caller's key, in hexadecimal digits: the same effect put twice is one row. */
  @PrimaryColumn({ type: 'char', length: 64, ...ascii })
  id!: string;

  @Column({ type: 'varchar', length: 20, ...ascii })
  kind!: string;

  /** Encrypted JSON; null when nothing is left to do. */
  @Column({ type: 'blob', nullable: true })
  content!: Buffer | null;

  /** The number of attempts that have begun. */
  @Column({ type: 'int', unsigned: true })
  attempts!: number;

  /** When the next attempt may begin; null when nothing is left to do. */
  @Index('outbox_due_at')
  @Column({ name: 'due_at', type: 'bigint', unsigned: true, nullable: true })
  dueAt!: string | null;

  @Column({ name: 'created_at', type: 'bigint', unsigned: true })
  createdAt!: string;

  /** When the effect was done; null before, and when it was given up. */
  @Index('outbox_sent_at')
  @Column({ name: 'sent_at', type: 'bigint', unsigned: true, nullable: true })
  sentAt!: string | null;
}
