// Takes the server off the public port while it has no place to keep sessions, and puts it back afterwards.
import type { Logger } from 'pino';
import { limits } from '../config/limits.js';
import type { Readiness } from '../health/readiness.js';
import type { PublicListener } from './public-listener.js';

const lookEveryMs = 250;

export class StoreWatch {
  private timer: NodeJS.Timeout | undefined;
  private lostAt: number | undefined;
  private busy = false;

  constructor(
    private readonly readiness: Readiness,
    private readonly listener: PublicListener,
    private readonly logger: Logger,
  ) {}

  start(): void {
    this.timer = setInterval(() => void this.look(), lookEveryMs);
  }

  stop(): void {
    clearInterval(this.timer);
    this.timer = undefined;
  }

  private async look(): Promise<void> {
    if (this.busy) return;
    this.busy = true;
    try {
      const missing = this.readiness.missing();
      if (missing === undefined) await this.found();
      else this.lost(missing);
    } catch (error) {
      this.logger.error({ err: error }, 'cannot listen again; trying on');
    } finally {
      this.busy = false;
    }
  }

  private lost(missing: string): void {
    this.lostAt ??= Date.now();
    if (this.readiness.phase !== 'ready' || Date.now() - this.lostAt < limits.cutOffMs) return;
    this.readiness.phase = 'cut-off';
    this.logger.error({ nodes: this.readiness.nodes() }, `not listening until there is ${missing}`);
    void this.listener.close(limits.requestMs);
  }

  private async found(): Promise<void> {
    this.lostAt = undefined;
    if (this.readiness.phase !== 'cut-off') return;
    await this.listener.open();
    // The end may have come meanwhile.
    if (this.timer === undefined) return void this.listener.close(0);
    this.readiness.phase = 'ready';
    this.logger.info('nothing is missing any more: listening again');
  }
}
