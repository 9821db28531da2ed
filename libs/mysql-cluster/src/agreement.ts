// Whether a node still agrees with its group: what a commit needs, asked without writing anything.
import type { ConnectionOptions } from 'mysql2';
import { NodeConnection } from './connection.js';
import type { DeadlineClock } from './deadline-clock.js';

/** Milliseconds after an answer during which it is not asked for again. */
const FRESH_MS = 100;
/** What MySQL says of a session that may not ask, or does not know how: unknown variable, access denied, wrong value. */
const CANNOT_ASK: ReadonlySet<unknown> = new Set([1193, 1227, 1231]);

/**
 * A transaction that is to see all that the group has committed before it (MySQL's `group_replication_consistency`
 * BEFORE) begins when its node has had a message ordered by the group, as a commit has. A node that was cut off the
 * others still answers reads, and lists all of them as ONLINE for seconds; this it cannot answer.
 */
export class Agreement {
  /** Since when a question waits for its answer; undefined while none does. Times are the deadline clock's. */
  pendingSince: number | undefined;
  /** When the last answer came; -1 before the first. */
  answeredAt = -1;
  /** When the question was asked that the last answer belongs to; -1 before the first. */
  answeredSince = -1;
  private canAsk = true;
  private connection: NodeConnection | undefined;
  private asking: Promise<void> | undefined;

  constructor(
    private readonly clock: DeadlineClock,
    private readonly address: ConnectionOptions,
    /** Milliseconds that an answer may take. */
    private readonly timeoutMs: number,
    private readonly onAnswer: () => void,
  ) {}

  /** Asks, unless a question waits or an answer is fresh. */
  ask(): void {
    const now = this.clock.now();
    if (this.pendingSince !== undefined || !this.canAsk || (this.answeredAt >= 0 && now - this.answeredAt < FRESH_MS))
      return;
    this.pendingSince = now;
    this.asking = this.put(now);
  }

  /** Whether it has shown, since then, that it agrees with its group. True if it cannot be asked. */
  hasAgreedSince(moment: number): boolean {
    return !this.canAsk || this.answeredSince > moment;
  }

  async close(): Promise<void> {
    this.canAsk = false;
    this.connection?.destroy();
    await this.asking;
  }

  private async put(now: number): Promise<void> {
    const deadline = now + this.timeoutMs;
    try {
      const setup = "SET SESSION group_replication_consistency = 'BEFORE'";
      this.connection = await NodeConnection.open(this.address, setup, this.clock, deadline);
      if (!this.canAsk) return;
      await this.connection.query('START TRANSACTION READ ONLY', deadline);
      this.answeredSince = now;
      this.answeredAt = this.clock.now();
    } catch (error) {
      if (CANNOT_ASK.has((error as { errno?: unknown }).errno)) this.canAsk = false;
    } finally {
      this.pendingSince = undefined;
      this.connection?.destroy();
      this.connection = undefined;
    }
    this.onAnswer();
  }
}
