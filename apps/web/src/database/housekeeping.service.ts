// Removes rows whose time is over: on one server, in small batches, and never at anybody's cost.
import { Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { MysqlCluster } from '@roam/mysql-cluster';
import { PinoLogger } from 'nestjs-pino';
import { Config } from '../config/config.js';
import { limits } from '../config/limits.js';
import { takeLease } from './lease.js';

const everyMs = 10 * 60_000;
const batch = 500;
/** What is left after so many batches waits for the next time. */
const maxBatches = 200;

/** Each statement removes one batch of what is older than `keptMs`, given as milliseconds since 1970. */
const removals = [
  { sql: 'DELETE FROM throttles WHERE expires_at < ? LIMIT ?', keptMs: 0 },
  { sql: 'DELETE FROM account_tokens WHERE expires_at < ? LIMIT ?', keptMs: 0 },
  { sql: 'DELETE FROM audit_events WHERE at < FROM_UNIXTIME(? / 1000) LIMIT ?', keptMs: limits.auditMs },
];

@Injectable()
export class HousekeepingService implements OnApplicationBootstrap, OnApplicationShutdown {
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly config: Config,
    private readonly cluster: MysqlCluster,
    private readonly logger: PinoLogger,
  ) {}

  onApplicationBootstrap(): void {
    this.timer = setInterval(() => {
      this.running = this.run().catch((error: unknown) =>
        this.logger.warn({ err: error }, `could not delete expired rows: trying again in ${everyMs / 60_000} minutes`),
      );
    }, everyMs);
    this.timer.unref();
  }

  async onApplicationShutdown(): Promise<void> {
    clearInterval(this.timer);
    await this.running;
  }

  /** Removes what is over; returns how many rows, undefined when another server has the lease. */
  async run(now = Date.now()): Promise<number | undefined> {
    if (!(await takeLease(this.cluster, 'housekeeping', this.config.server.name, 2 * everyMs))) return undefined;
    let removed = 0;
    for (const { sql, keptMs } of removals) {
      for (let round = 0; round < maxBatches; round += 1) {
        const { affectedRows } = await this.cluster.write(sql, [now - keptMs, batch]);
        removed += affectedRows;
        if (affectedRows < batch) break;
      }
    }
    return removed;
  }
}
