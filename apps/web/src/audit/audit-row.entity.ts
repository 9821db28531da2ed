// One event of the audit log, as it is stored.
import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import { ascii } from '../database/columns.js';

@Entity('audit_events')
@Index('audit_events_user', ['userId', 'at'])
export class AuditRow {
  /** Begins with the time. */
  @PrimaryColumn({ type: 'binary', length: 16 })
  id!: Buffer;

  @Index('audit_events_at')
  @Column({ type: 'datetime', precision: 3 })
  at!: Date;

  @Column({ type: 'varchar', length: 40, ...ascii })
  event!: string;

  @Column({ name: 'user_id', type: 'char', length: 36, nullable: true, ...ascii })
  userId!: string | null;

  /** The key of the login name. */
  @Column({ type: 'char', length: 32, nullable: true, select: false, ...ascii })
  account?: string | null;

  @Column({ type: 'varchar', length: 45, ...ascii })
  ip!: string;

  @Column({ type: 'varchar', length: 64, ...ascii })
  server!: string;

  @Column({ name: 'request_id', type: 'varchar', length: 64, nullable: true, select: false, ...ascii })
  requestId?: string | null;

  @Column({ type: 'json' })
  details!: Readonly<Record<string, unknown>>;
}
