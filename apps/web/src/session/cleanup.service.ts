// Removes ended sessions from time to time: on one server, in small batches, and never at anybody's cost.
import { Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { MysqlCluster } from '@roam/mysql-cluster';
import { SessionManager } from '@roam/session/nest';
import { PinoLogger } from 'nestjs-pino';
import { Config } from '../config/config.js';
import { giveLeaseUp, takeLease } from '../database/lease.js';

const lease = 'session-cleanup';
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
    const { method, cleanupMs } = this.config.session;
    if (method === 'memory' || method === 'sync') return this.sweep(Infinity);
    // Over before the lease is.
    const until = performance.now() + cleanupMs / 2;
    if (!(await this.lease())) return undefined;
    try {
      return await this.sweep(until);
    } catch (error) {
      // What is out of reach from here may be within another server's.
      await this.giveUp().catch(() => undefined);
      throw error;
    }
  }

  private async sweep(until: number): Promise<number> {
    let removed = 0;
    for (let batch = 0; batch < maxBatches && !this.ended && performance.now() < until; batch += 1) {
      const swept = await this.sessions.sweep();
      removed += swept;
      if (swept === 0) break;
    }
    return removed;
  }

  /**
   * Until the holder's next run at the earliest, so that whoever comes first then has it, and a holder that died, or that
   * sees nothing to remove because of a fault of its own, is not waited for. Two holders at once would do no harm, only
   * twice the work.
   */
  private lease(): Promise<boolean> {
    const { server, session } = this.config;
    return takeLease(this.cluster, lease, server.name, session.cleanupMs);
  }

  private giveUp(): Promise<void> {
    return giveLeaseUp(this.cluster, lease, this.config.server.name);
  }

  /** Not all servers at the same moment. */
  private schedule(): void {
    if (this.ended) return;
    this.timer = setTimeout(
      () => {
        this.running = this.run()
          .catch((error: unknown) =>
            this.logger.warn(
              { err: error },
              'could not delete ended sessions: trying again at the next cleanup (SESSION_CLEANUP_SECONDS)',
            ),
          )
          .finally(() => this.schedule());
      },
      this.config.session.cleanupMs * (1 + Math.random()),
    );
    this.timer.unref();
  }
}
