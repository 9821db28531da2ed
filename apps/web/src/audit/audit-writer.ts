// Writes the events of the audit log to their table in the background: in batches, repeated until they succeed.
import type { Cluster } from '@roam/mysql-cluster';
import { AsyncLocalStorage } from 'node:async_hooks';
import type { AuditEvent } from './audit-event.js';

/** The maximum number of waiting events; about 4 MB. */
const capacity = 10_000;
const batchSize = 100;
const firstPauseMs = 100;
const maxPauseMs = 10_000;

export interface AuditWriterOptions {
  readonly cluster: Pick<Cluster, 'write'>;
  /** Called when a batch could not be written and will be tried again, with the number of waiting events. */
  readonly onFault: (error: unknown, waiting: number) => void;
  /** Called when the queue is full and an event is dropped: it is in the JSON log only. */
  readonly onDropped: (dropped: number) => void;
}

/**
 * A request never waits for its event and never fails because of it. Some events are in the JSON log only: those that a
 * killed process had not written, those that did not fit into the queue during a long outage, and those of a shutdown
 * without database.
 */
export class AuditWriter {
  private readonly queue: AuditEvent[] = [];
  /** Writing is not part of the request that starts it, and continues when that request is given up. */
  private readonly outsideRequests = AsyncLocalStorage.snapshot();
  private writing: Promise<void> | undefined;
  private wake: (() => void) | undefined;
  private closing = false;
  private dropped = 0;

  constructor(private readonly options: AuditWriterOptions) {}

  add(event: AuditEvent): void {
    if (this.queue.length >= capacity) {
      this.dropped += 1;
      if (this.dropped === 1 || this.dropped % 1_000 === 0) this.options.onDropped(this.dropped);
      return;
    }
    this.queue.push(event);
    this.writing ??= this.outsideRequests(() => this.drain()).finally(() => (this.writing = undefined));
  }

  /** Resolves when everything is written, or when a last try has failed. */
  async close(): Promise<void> {
    this.closing = true;
    this.wake?.();
    await this.writing;
  }

  private async drain(): Promise<void> {
    // Events that are added in the same tick go into the same batch.
    await new Promise((resolve) => setImmediate(resolve));
    for (let pause = firstPauseMs; this.queue.length > 0;) {
      const batch = this.queue.slice(0, batchSize);
      try {
        await this.write(batch);
        this.queue.splice(0, batch.length);
        pause = firstPauseMs;
      } catch (error) {
        this.options.onFault(error, this.queue.length);
        if (this.closing) return;
        await this.pause(pause);
        pause = Math.min(maxPauseMs, 2 * pause);
      }
    }
  }

  private async write(batch: readonly AuditEvent[]): Promise<void> {
    const rows = batch.map(({ id, at, event, userId, account, ip, server, requestId, details }) => [
      id.toString('hex'),
      new Date(at).toISOString().slice(0, -1),
      event,
      userId,
      account,
      ip,
      server,
      requestId,
      details,
    ]);
    // One statement text for any number of rows. A row that an earlier attempt has inserted is no error.
    await this.options.cluster.write(
      `INSERT IGNORE INTO audit_events (id, at, event, user_id, account, ip, server, request_id, details)
       SELECT UNHEX(id), at, event, user_id, account, ip, server, request_id, details
       FROM JSON_TABLE(?, '$[*]' COLUMNS (
         id CHAR(32) PATH '$[0]', at DATETIME(3) PATH '$[1]', event VARCHAR(40) PATH '$[2]',
         user_id CHAR(36) PATH '$[3]', account CHAR(32) PATH '$[4]', ip VARCHAR(45) PATH '$[5]',
         server VARCHAR(64) PATH '$[6]', request_id VARCHAR(64) PATH '$[7]', details JSON PATH '$[8]')) AS batch`,
      [JSON.stringify(rows)],
    );
  }

  private async pause(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.wake = undefined;
  }
}
