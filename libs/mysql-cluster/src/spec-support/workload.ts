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
 * servers do behind a proxy. Call `stop` for the report.
 */
export function startWorkload(clusters: readonly MysqlCluster[], keys: number): { stop(): Promise<WorkloadReport> } {
  const report = {
    reads: 0,
    writes: 0,
    errors: [] as string[],
    longestReadMs: 0,
    longestWriteMs: 0,
    staleWithMark: 0,
    stalestMs: 0,
  };
  let running = true;
  const clock = new DeadlineClock(Infinity, () => undefined);

  async function visit(key: string): Promise<void> {
    let turn = 0;
    const next = () => clusters[turn++ % clusters.length];
    /** When each value was acknowledged. */
    const acknowledgedAt: number[] = [];
    const read = (mark: number) => {
      const acceptable = ([row]: readonly CounterRow[]) => row !== undefined && row.n >= mark;
      return next().read<CounterRow>('SELECT n FROM counter WHERE id = ?', [key], { key, acceptable, rounds: 8 });
    };
    await timed('longestWriteMs', () => next().write('INSERT INTO counter VALUES (?, -1)', [key], { key }));
    for (let n = 0; running; n++) {
      // A compare-and-set that finds no row may have met a node that the last write had not reached yet: look, then again.
      for (let done = false; !done && running;) {
        await timed('longestWriteMs', async () => {
          const sql = 'UPDATE counter SET n = ? WHERE id = ? AND n = ?';
          done = (await next().write(sql, [n, key, n - 1], { key })).affectedRows === 1;
          report.writes++;
        });
        if (done) break;
        await sleep(PAUSE_MS);
        const [row] = (await timed('longestReadMs', () => read(n - 1))) ?? [];
        done = row?.n === n;
        if (row !== undefined && row.n > n) report.errors.push(`${key} went from ${n - 1} to ${row.n}`);
      }
      acknowledgedAt[n] = clock.now();
      await timed('longestReadMs', async () => {
        const startedAt = clock.now();
        const [row] = await next().read<CounterRow>('SELECT n FROM counter WHERE id = ?', [key], { key });
        report.reads++;
        const seen = row?.n ?? -1;
        const missed = acknowledgedAt[seen + 1];
        if (seen < n && missed !== undefined) report.stalestMs = Math.max(report.stalestMs, startedAt - missed);
      });
      await timed('longestReadMs', async () => {
        const [row] = await read(n);
        report.reads++;
        if (row === undefined || row.n < n) report.staleWithMark++;
      });
      await sleep(PAUSE_MS);
    }
  }

  async function timed<T>(
    which: 'longestReadMs' | 'longestWriteMs',
    statement: () => Promise<T>,
  ): Promise<T | undefined> {
    const startedAt = clock.now();
    try {
      return await statement();
    } catch (error) {
      report.errors.push(String(error));
      return undefined;
    } finally {
      report[which] = Math.max(report[which], clock.now() - startedAt);
    }
  }

  const prefix = Math.random().toString(36).slice(2, 8);
  const visits = Array.from({ length: keys }, (_, i) => visit(`${prefix}-${i}`));
  return {
    async stop() {
      running = false;
      await Promise.all(visits);
      clock.close();
      return report;
    },
  };
}
