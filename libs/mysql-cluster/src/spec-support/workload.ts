// Many sessions written and read through several clusters at once, with account of errors, stalls and stale reads.
import type { RowDataPacket } from 'mysql2';
import { setTimeout as sleep } from 'node:timers/promises';
import type { MysqlCluster } from '../cluster.js';
import { DeadlineClock } from '../deadline-clock.js';

interface CounterRow extends RowDataPacket {
  readonly n: number;
}

export interface WorkloadReport {
  readonly reads: number;
  readonly writes: number;
  readonly errors: string[];
  /** Milliseconds of the slowest statement, without those for which this process itself stood still. */
  readonly longestReadMs: number;
  readonly longestWriteMs: number;
  /** Reads with the mark of what was seen that were older all the same. */
  readonly staleWithMark: number;
  /** Milliseconds by which a read without a mark was older than what had been acknowledged, at most. */
  readonly stalestMs: number;
}

const PAUSE_MS = 5;

export const WORKLOAD_TABLE = 'CREATE TABLE counter (id VARCHAR(32) PRIMARY KEY, n BIGINT NOT NULL)';

/**
 * Each of `keys` counters is raised by one and read in turn, without pause, by whichever cluster comes next: as web
 * servers do behind a proxy. Begins at once; `stop` returns the report.
 */
export class Workload {
  private readonly report = {
    reads: 0,
    writes: 0,
    errors: [] as string[],
    longestReadMs: 0,
    longestWriteMs: 0,
    staleWithMark: 0,
    stalestMs: 0,
  };
  private running = true;
  private readonly clock = new DeadlineClock(Infinity, () => undefined);
  private readonly visits: Promise<void>[];

  constructor(
    private readonly clusters: readonly MysqlCluster[],
    keys: number,
  ) {
    const prefix = Math.random().toString(36).slice(2, 8);
    this.visits = Array.from({ length: keys }, (_, i) => this.visit(`${prefix}-${i}`));
  }

  async stop(): Promise<WorkloadReport> {
    this.running = false;
    await Promise.all(this.visits);
    this.clock.close();
    return this.report;
  }

  private async visit(key: string): Promise<void> {
    let turn = 0;
    const next = () => this.clusters[turn++ % this.clusters.length];
    /** When each value was acknowledged. */
    const acknowledgedAt: number[] = [];
    await this.timed('longestWriteMs', () => next().write('INSERT INTO counter VALUES (?, -1)', [key], { key }));
    for (let n = 0; this.running; n++) {
      await this.raise(next, key, n);
      acknowledgedAt[n] = this.clock.now();
      await this.timed('longestReadMs', () => this.readWithoutMark(next(), key, acknowledgedAt));
      await this.timed('longestReadMs', async () => {
        const [row] = await this.read(next(), key, n);
        this.report.reads++;
        if (row === undefined || row.n < n) this.report.staleWithMark++;
      });
      await sleep(PAUSE_MS);
    }
  }

  /** A compare-and-set that finds no row may have met a node that the last write had not reached yet: look, then again. */
  private async raise(next: () => MysqlCluster, key: string, n: number): Promise<void> {
    for (let done = false; !done && this.running;) {
      await this.timed('longestWriteMs', async () => {
        const sql = 'UPDATE counter SET n = ? WHERE id = ? AND n = ?';
        done = (await next().write(sql, [n, key, n - 1], { key })).affectedRows === 1;
        this.report.writes++;
      });
      if (done) break;
      await sleep(PAUSE_MS);
      const [row] = (await this.timed('longestReadMs', () => this.read(next(), key, n - 1))) ?? [];
      done = row?.n === n;
      if (row !== undefined && row.n > n) this.report.errors.push(`${key} went from ${n - 1} to ${row.n}`);
    }
  }

  private read(cluster: MysqlCluster, key: string, mark: number): Promise<CounterRow[]> {
    const acceptable = ([row]: readonly CounterRow[]) => row !== undefined && row.n >= mark;
    return cluster.read<CounterRow>('SELECT n FROM counter WHERE id = ?', [key], { key, acceptable, rounds: 8 });
  }

  private async readWithoutMark(cluster: MysqlCluster, key: string, acknowledgedAt: readonly number[]): Promise<void> {
    const { report } = this;
    const startedAt = this.clock.now();
    const [row] = await cluster.read<CounterRow>('SELECT n FROM counter WHERE id = ?', [key], { key });
    report.reads++;
    const missed = acknowledgedAt[(row?.n ?? -1) + 1];
    if (missed !== undefined) report.stalestMs = Math.max(report.stalestMs, startedAt - missed);
  }

  private async timed<T>(
    which: 'longestReadMs' | 'longestWriteMs',
    statement: () => Promise<T>,
  ): Promise<T | undefined> {
    const startedAt = this.clock.now();
    try {
      return await statement();
    } catch (error) {
      this.report.errors.push(String(error));
      return undefined;
    } finally {
      this.report[which] = Math.max(this.report[which], this.clock.now() - startedAt);
    }
  }
}
