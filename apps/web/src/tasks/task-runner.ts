// Runs each background task from time to time, on one web server at a time, in small batches with rests.
import type { OnApplicationBootstrap, OnApplicationShutdown } from '@nestjs/common';
import type { Cluster } from '@roam/mysql-cluster';
import type { PinoLogger } from 'nestjs-pino';
import { releaseLease, takeLease } from '../database/lease.js';

export interface Task {
  /** Also the name of its row in the table `leases`. */
  readonly name: string;
  /** Milliseconds between two runs, at least. */
  readonly everyMs: number;
  /** False for a task that every web server runs for itself. */
  readonly leased: boolean;
  /** Does a small part of the work, and returns how many items that were; 0 when nothing is left. */
  readonly batch: () => Promise<number>;
}

/** After each batch the task rests for so many times what that took: one request in twenty meets a batch at most. */
const restFactor = 19;

export class TaskRunner implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly timers = new Map<Task, NodeJS.Timeout>();
  private readonly running = new Map<Task, Promise<unknown>>();
  private readonly ending = new AbortController();

  /** @param holder the name of this web server */
  constructor(
    private readonly cluster: Pick<Cluster, 'write'>,
    private readonly holder: string,
    private readonly logger: Pick<PinoLogger, 'warn'>,
    private readonly tasks: readonly Task[],
  ) {}

  onApplicationBootstrap(): void {
    for (const task of this.tasks) this.schedule(task);
  }

  async onApplicationShutdown(): Promise<void> {
    this.ending.abort();
    for (const timer of this.timers.values()) clearTimeout(timer);
    await Promise.all(this.running.values());
  }

  /**
   * Runs the task now; returns how many items it handled, or undefined when another server has the lease.
   *
   * The lease ends before the holder's next run; the server whose run comes first then gets it. So a holder that died,
   * or that finds nothing to do because of a fault of its own, blocks nobody. Two holders at once would only do the
   * work twice.
   */
  async run({ name, everyMs, leased, batch }: Task): Promise<number | undefined> {
    // The run ends before the lease.
    const until = performance.now() + everyMs / 2;
    if (leased && !(await takeLease(this.cluster, name, this.holder, everyMs))) return undefined;
    let handled = 0;
    try {
      while (!this.hasEnded && performance.now() < until) {
        const began = performance.now();
        const items = await batch();
        if (items === 0) break;
        handled += items;
        await this.rest(restFactor * (performance.now() - began));
      }
    } catch (error) {
      // Another server may reach what this one cannot.
      if (leased) await releaseLease(this.cluster, name, this.holder).catch(() => undefined);
      throw error;
    }
    return handled;
  }

  private get hasEnded(): boolean {
    return this.ending.signal.aborted;
  }

  /** Until so many milliseconds have passed, or the server ends. */
  private rest(ms: number): Promise<void> {
    const { signal } = this.ending;
    return new Promise((resolve) => {
      if (signal.aborted) return resolve();
      const done = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, ms).unref();
      signal.addEventListener('abort', done);
    });
  }

  /** At a random moment, so that the servers do not all ask for the lease at once. */
  private schedule(task: Task): void {
    if (this.hasEnded) return;
    const run = () => {
      const running = this.run(task)
        .catch((error: unknown) =>
          this.logger.warn({ err: error }, `the background task ${task.name} failed: trying again at its next run`),
        )
        .finally(() => this.schedule(task));
      this.running.set(task, running);
    };
    this.timers.set(task, setTimeout(run, task.everyMs * (1 + Math.random())).unref());
  }
}
