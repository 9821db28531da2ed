// Brings the audit log's events into their table: beside the requests, many at a time, and again until it worked.
import type { Cluster } from '@roam/mysql-cluster';
import { AsyncLocalStorage } from 'node:async_hooks';
import type { AuditEvent } from './audit-event.js';

/** Events that wait at most; about 4 MB. */
const capacity = 10_000;
const batchSize = 100;
const firstPauseMs = 100;
const maxPauseMs = 10_000;

export interface AuditWriterOptions {
  readonly cluster: Pick<Cluster, 'write'>;
  /** Told when a batch could not be written (it will be tried again), with what waits. */
  readonly onFault: (error: unknown, waiting: number) => void;
  /** Told when an event found no room: it is in the JSON log only. */
  readonly onDropped: (dropped: number) => void;
}

/**
 * A request never waits for its event and never fails by it. Events of a process that is killed before it has written
 * them, of a database that is away for longer than the queue lasts, and of the last moments of a shutdown without
 * database are in the JSON log only.
 */
export class AuditWriter {
  private readonly queue: AuditEvent[] = [];
  /** Writing is no part of the request that happens to begin it, and goes on whatever becomes of that. */
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
    // What else the same moment brings goes into the same batch.
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
    // One text for any number of rows; a row that an attempt without answer has left there is no error.
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
