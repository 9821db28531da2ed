// Removes ended sessions from time to time: on one server, in small batches, and never at anybody's cost.
import { Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { MysqlCluster } from '@roam/mysql-cluster';
import { SessionManager } from '@roam/session/nest';
import { PinoLogger } from 'nestjs-pino';
import { Config } from '../config/config.js';
import { takeLease } from '../database/lease.js';

const everyMs = 5 * 60_000;
/** A holder that is gone is replaced after this long. */
const leaseMs = 2 * everyMs;
/** What is left after so many batches waits for the next time. */
const maxBatches = 200;

@Injectable()
export class CleanupService implements OnApplicationBootstrap, OnApplicationShutdown {
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<unknown> = Promise.resolve();
  private ended = false;

  constructor(
    private readonly config: Config,
    private readonly cluster: MysqlCluster,
    private readonly sessions: SessionManager,
    private readonly logger: PinoLogger,
  ) {}

  onApplicationBootstrap(): void {
    this.schedule();
  }

  async onApplicationShutdown(): Promise<void> {
    this.ended = true;
    clearTimeout(this.timer);
    await this.running;
  }

  /** Removes what has ended; returns how many sessions, undefined when another server has the lease. */
  async run(): Promise<number | undefined> {
    // A server's own memory is its own to clean.
    const { method } = this.config.session;
    const shared = method !== 'memory' && method !== 'sync';
    if (shared && !(await takeLease(this.cluster, 'session-cleanup', this.config.server.name, leaseMs)))
      return undefined;
    let removed = 0;
    for (let batch = 0; batch < maxBatches && !this.ended; batch += 1) {
      const swept = await this.sessions.sweep();
      removed += swept;
      if (swept === 0) break;
    }
    return removed;
  }

  /** Not all servers at the same moment. */
  private schedule(): void {
    if (this.ended) return;
    this.timer = setTimeout(
      () => {
        this.running = this.run()
          .catch((error: unknown) =>
            this.logger.warn({ err: error }, 'ended sessions could not be removed; trying later'),
          )
          .finally(() => this.schedule());
      },
      everyMs * (1 + Math.random()),
    );
    this.timer.unref();
  }
}
