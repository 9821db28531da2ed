// Watches the web servers of a stack: which process each is, and how many take no traffic at once.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Stack } from '@roam/local-stack';

const everyMs = 50;

export class ServerWatch {
  /** The most servers that took no traffic at once. */
  mostDown = 0;
  /** Each change of a server's process. */
  readonly changes: { readonly name: string; readonly from: number; readonly to: number; readonly at: number }[] = [];
  private isOver = false;
  private readonly pids: Map<string, number>;
  private readonly watching: Promise<void>;

  constructor(private readonly stack: Stack) {
    this.pids = new Map(stack.servers.map(({ name, pid }) => [name, pid!]));
    this.watching = this.watch();
  }

  async stop(): Promise<void> {
    this.isOver = true;
    await this.watching;
  }

  private async watch(): Promise<void> {
    const { servers } = this.stack;
    while (!this.isOver) {
      const down = (await Promise.all(servers.map(({ metricsUrl }) => isDown(metricsUrl)))).filter(Boolean).length;
      this.mostDown = Math.max(this.mostDown, down);
      for (const { name, pid } of servers) {
        const from = this.pids.get(name)!;
        if (pid === null || pid === from) continue;
        this.changes.push({ name, from, to: pid, at: performance.now() });
        this.pids.set(name, pid);
      }
      await sleep(everyMs);
    }
  }
}

/** One that is slow to say so is not down. */
async function isDown(metricsUrl: string): Promise<boolean> {
  try {
    const answer = await fetch(`${metricsUrl}/readyz`, { signal: AbortSignal.timeout(5_000) });
    await answer.body?.cancel();
    return answer.status !== 200;
  } catch (error) {
    return (error as Error).name !== 'TimeoutError';
  }
}
