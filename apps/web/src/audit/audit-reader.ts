// Reads the audit log: for administrators, and for a user's own events.
import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { LessThan, type Repository } from 'typeorm';
import { Transactions } from '../database/transactions.js';
import { HoldsPersonalData, type Owner, type PersonalData } from '../users/personal-data.js';
import { AuditRow } from './audit-row.entity.js';

/** An event as the API shows it. */
export interface LoggedEvent {
  /** Also the start of the next page: `before` takes it. */
  readonly id: string;
  /** ISO 8601, in UTC. */
  readonly at: string;
  readonly event: string;
  readonly userId: string | null;
  readonly ip: string;
  readonly server: string;
  readonly details: Readonly<Record<string, unknown>>;
}

export interface AuditQuery {
  readonly userId?: string | undefined;
  readonly event?: string | undefined;
  /** Only events older than this one. */
  readonly before?: string | undefined;
  /** The maximum number of events, newest first. */
  readonly limit: number;
}

/** How many events of a user are exported. */
const exportedEvents = 1_000;

@Injectable()
@HoldsPersonalData()
export class AuditReader implements PersonalData {
  constructor(
    @InjectRepository(AuditRow) private readonly rows: Repository<AuditRow>,
    private readonly transactions: Transactions,
  ) {}

  async find({ userId, event, before, limit }: AuditQuery): Promise<LoggedEvent[]> {
    const where = {
      ...(userId !== undefined && { userId }),
      ...(event !== undefined && { event }),
      // Ids begin with the time.
      ...(before !== undefined && { id: LessThan(Buffer.from(before, 'hex')) }),
    };
    const rows = await this.transactions.statement(() => this.rows.find({ where, order: { id: 'DESC' }, take: limit }));
    return rows.map(({ id, at, event, userId, ip, server, details }) => ({
      id: id.toString('hex'),
      at: at.toISOString(),
      event,
      userId,
      ip,
      server,
      details,
    }));
  }

  /** The newest events. */
  async exportOf({ id }: Owner): Promise<{ events: LoggedEvent[] }> {
    const events = await this.find({ userId: id, limit: exportedEvents });
    return { events: events.map(withoutAdministrator) };
  }
}

/** The user may see the action of an administrator, but not the administrator's name and address. */
function withoutAdministrator(event: LoggedEvent): LoggedEvent {
  return event.event === 'admin' ? { ...event, ip: '', details: { command: event.details.command } } : event;
}
