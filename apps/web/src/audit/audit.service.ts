// The audit log: each event as a line of the JSON log at once, and as a row of its table soon after.
import { Injectable, type BeforeApplicationShutdown } from '@nestjs/common';
import { MysqlCluster } from '@roam/mysql-cluster';
import { PinoLogger } from 'nestjs-pino';
import { Config } from '../config/config.js';
import { auditEvent, type AuditEvent, type AuditEventName, type AuditEventInput } from './audit-event.js';
import { AuditWriter } from './audit-writer.js';

/** The user or login name that an event is about, if that is not the signed-in user. */
export type EventSubject = Pick<AuditEventInput, 'userId' | 'email'>;

/** What an event says of its request: as a caller has it, and a request of Express. */
export interface AuditedRequest {
  readonly id: unknown;
  readonly ip?: string;
  readonly user?: { readonly id: string };
}

@Injectable()
export class AuditService implements BeforeApplicationShutdown {
  /** Called for each event, to count it. */
  onEvent: (event: AuditEvent) => void = () => undefined;

  private readonly writer: AuditWriter;

  constructor(
    private readonly config: Config,
    cluster: MysqlCluster,
    private readonly logger: PinoLogger,
  ) {
    this.writer = new AuditWriter({
      cluster,
      onFault: (error, waiting) =>
        this.logger.warn({ err: error, waiting }, 'could not write audit events to MySQL: trying again'),
      onDropped: (dropped) =>
        this.logger.error(
          { dropped },
          'the queue of audit events is full: the dropped events are in this log only; check the MySQL servers',
        ),
    });
  }

  /** Records an event of this request. Returns at once, and never throws. */
  note(
    event: AuditEventName,
    request: AuditedRequest,
    whom: EventSubject = {},
    details: AuditEvent['details'] = {},
  ): void {
    this.add({ event, userId: request.user?.id, ...whom, ip: request.ip, requestId: request.id as string, details });
  }

  /** Records an event outside of a handler. */
  noteWithoutRequest(event: AuditEventName, whom: EventSubject, details: AuditEvent['details'] = {}): void {
    this.add({ event, ...whom, details });
  }

  /** Before the cluster is closed. */
  beforeApplicationShutdown(): Promise<void> {
    return this.writer.close();
  }

  private add(input: Omit<AuditEventInput, 'server'>): void {
    const event = auditEvent({ ...input, server: this.config.server.name });
    const { at, event: name, userId, account, ip, requestId, details } = event;
    const line = { at: new Date(at).toISOString(), event: name, userId, account, ip, requestId, details };
    this.logger.info({ audit: line }, `audit: ${name}`);
    this.onEvent(event);
    this.writer.add(event);
  }
}
