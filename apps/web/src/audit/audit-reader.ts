// Reads the audit log: for administrators, and for a user's own events.
import { Injectable } from '@nestjs/common';
import { MysqlCluster } from '@roam/mysql-cluster';
import type { RowDataPacket } from 'mysql2';
import { HoldsPersonalData, type Owner, type PersonalData } from '../users/personal-data.js';

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
  constructor(private readonly cluster: MysqlCluster) {}

  async find({ userId, event, before, limit }: AuditQuery): Promise<LoggedEvent[]> {
    const conditions: [string, string][] = [];
    if (userId !== undefined) conditions.push(['user_id = ?', userId]);
    if (event !== undefined) conditions.push(['event = ?', event]);
    // Ids begin with the time.
    if (before !== undefined) conditions.push(['id < UNHEX(?)', before]);
    const where = conditions.map(([condition]) => condition).join(' AND ') || 'TRUE';
    const rows = await this.cluster.read<RowDataPacket>(
      `SELECT LOWER(HEX(id)) AS id, at, event, user_id AS userId, ip, server, details FROM audit_events
       WHERE ${where} ORDER BY id DESC LIMIT ?`,
      [...conditions.map(([, value]) => value), limit],
    );
    return (rows as (Omit<LoggedEvent, 'at'> & { at: Date | string })[]).map(
      ({ id, at, event, userId, ip, server, details }) => ({
        id,
        at: new Date(at).toISOString(),
        event,
        userId,
        ip,
        server,
        details,
      }),
    );
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
