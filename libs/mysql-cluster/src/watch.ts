// Looks at one node again and again, on a connection of its own.
import type { ConnectionOptions } from 'mysql2';
import { NodeConnection } from './connection.js';
import type { DeadlineClock } from './deadline-clock.js';
import { pause } from './deadline-clock.js';
import { DeadlineError } from './errors.js';
import type { NodeReport } from './probe.js';
import { checkVersion, Probe } from './probe.js';

export interface WatchOptions {
  readonly connection: ConnectionOptions;
  readonly intervalMs: number;
  /** Milliseconds that connecting may take. */
  readonly connectTimeoutMs: number;
  /** Milliseconds that a look may take. */
  readonly timeoutMs: number;
  readonly onReport: (begunAt: number, at: number, report: NodeReport) => void;
  readonly onFailure: (begunAt: number, at: number, error: unknown, unreachable: boolean) => void;
  /** True while the next look is to come soon: the node answers but has not yet proved that it may be used. */
  readonly isSettling: () => boolean;
}

/** A node on its way back is looked at this many times as often. */
const SETTLING_FACTOR = 6;

export class Watch {
  private readonly wakeUps = new Set<() => void>();
  private connection: NodeConnection | undefined;
  private again = false;
  private closed = false;
  private readonly loop: Promise<void>;

  constructor(
    private readonly clock: DeadlineClock,
    private readonly options: WatchOptions,
  ) {
    this.loop = this.run();
  }

  /** Looks at once, or once more when a look is under way: its answer may be from before what the caller has seen. */
  now(): void {
    this.again = true;
    for (const wake of [...this.wakeUps]) wake();
  }

  async close(deadline: number): Promise<void> {
    this.closed = true;
    this.now();
    await this.connection?.end(deadline);
    await this.loop;
  }

  private async run(): Promise<void> {
    const { intervalMs } = this.options;
    const probe = new Probe();
    while (!this.closed) {
      this.again = false;
      await this.look(probe);
      if (this.closed) break;
      if (!this.again)
        await pause(this.clock, this.options.isSettling() ? intervalMs / SETTLING_FACTOR : intervalMs, this.wakeUps);
    }
    this.connection?.destroy();
  }

  private async look(probe: Probe): Promise<void> {
    let begunAt = this.clock.now();
    const { connection: address, connectTimeoutMs, timeoutMs } = this.options;
    try {
      if (!this.connection || this.connection.isGone) {
        const deadline = begunAt + connectTimeoutMs;
        this.connection = await NodeConnection.open(address, '', this.clock, deadline);
        await checkVersion(this.connection, deadline);
        begunAt = this.clock.now();
      }
      const report = await probe.ask(this.connection, begunAt + timeoutMs);
      if (!this.closed) this.options.onReport(begunAt, this.clock.now(), report);
    } catch (error) {
      this.connection?.destroy();
      if (!this.closed) this.options.onFailure(begunAt, this.clock.now(), error, !(error instanceof DeadlineError));
    }
  }
}
