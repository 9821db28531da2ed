// Closes the public port while the server cannot serve (no store for the sessions, or paused), and opens it again.
import type { Logger } from 'pino';
import { limits } from '../config/limits.js';
import type { Readiness } from './readiness.js';
import type { PublicListener } from '../lifecycle/public-listener.js';

const checkEveryMs = 100;
const settleMs = 50;

export class StoreWatch {
  private timer: NodeJS.Timeout | undefined;
  private lostAt: number | undefined;
  /** When the last pause ended. */
  private resumedAt = -Infinity;
  private busy = false;

  constructor(
    private readonly readiness: Readiness,
    private readonly listener: PublicListener,
    private readonly logger: Logger,
  ) {}

  start(): void {
    this.timer = setInterval(() => void this.check(), checkEveryMs);
  }

  stop(): void {
    clearInterval(this.timer);
    this.timer = undefined;
  }

  /** This process was paused: other servers have its requests, and it has to catch up. */
  paused(ms: number): void {
    this.listener.drop();
    if (this.readiness.phase !== 'ready' && this.readiness.phase !== 'cut-off') return;
    this.readiness.phase = 'catching-up';
    this.resumedAt = performance.now();
    this.logger.warn(`this process was paused for ${Math.round(ms)} ms: stopped listening until it has caught up`);
  }

  private async check(): Promise<void> {
    if (this.busy) return;
    this.busy = true;
    try {
      const missing = this.readiness.missing();
      if (missing === undefined) await this.serveAgain();
      else this.stopServing(missing);
    } catch (error) {
      this.logger.error(
        { err: error },
        'could not listen on the public port again: trying again. If this lasts, stop the program that uses the port',
      );
    } finally {
      this.busy = false;
    }
  }

  private stopServing(missing: string): void {
    this.lostAt ??= Date.now();
    if (this.readiness.phase !== 'ready') return;
    const isCertain = this.readiness.storage?.isCutOff?.() ?? false;
    if (!isCertain && Date.now() - this.lostAt < limits.cutOffMs) return;
    this.readiness.phase = 'cut-off';
    this.logger.error({ nodes: this.readiness.nodes() }, `stopped listening: waiting for ${missing}`);
    void this.listener.close(limits.requestMs);
  }

  private async serveAgain(): Promise<void> {
    this.lostAt = undefined;
    const { resumedAt } = this;
    const { phase } = this.readiness;
    if (phase !== 'cut-off' && phase !== 'catching-up') return;
    // The dependencies need time to notice the pause too.
    if (performance.now() - resumedAt < settleMs) return;
    await this.listener.open();
    // `stop` may have been called meanwhile.
    if (this.timer === undefined) return void this.listener.close(0);
    // There may have been another pause.
    if (this.resumedAt !== resumedAt) return this.listener.drop();
    this.readiness.phase = 'ready';
    this.logger.info('listening again: all dependencies are available');
  }
}
