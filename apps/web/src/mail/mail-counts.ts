// Counts what is sent, in the transaction that writes the mail: a mail that is rolled back does not count.
import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';

export interface Count {
  /** At most 100 ASCII characters. */
  readonly name: string;
  readonly limit: number;
  /** The period that is counted, in milliseconds; it begins with its first mail. */
  readonly forMs: number;
  /** The rows that the count is spread over, at random. With more than one, the limit may be exceeded by as many. */
  readonly rows?: number;
}

/**
 * The counters are rows of `throttles`. Two transactions with the same counter change the same row: the second one waits, or, on
 * another node of a group, is rolled back and runs again. So no limit of one row is exceeded.
 */
@Injectable()
export class MailCounts {
  /** Counts one in each. Where one has reached its limit, it counts nothing and returns that one. */
  async take(counts: readonly Count[], manager: EntityManager): Promise<Count | undefined> {
    if (counts.length === 0) return undefined;
    const before = await this.read(counts, manager);
    const reached = counts.find((_, i) => before[i] >= counts[i].limit);
    if (reached) return reached;
    await this.add(counts, manager);
    // Others may have counted since, and have committed.
    const after = await this.read(counts, manager);
    return counts.find((_, i) => after[i] > counts[i].limit);
  }

  /** Counts one, and returns the count with it. */
  async next(count: Omit<Count, 'limit'>, manager: EntityManager): Promise<number> {
    await this.add([count], manager);
    return this.of(count.name, manager);
  }

  async of(name: string, manager: EntityManager): Promise<number> {
    const [points] = await this.read([{ name }], manager);
    return points;
  }

  private async read(counts: readonly Pick<Count, 'name' | 'rows'>[], manager: EntityManager): Promise<number[]> {
    const names = counts.map(({ name, rows = 1 }) => Array.from({ length: rows }, (_, row) => nameOf(name, row)));
    const found = await manager.query<{ name: string; points: number }[]>(
      `SELECT name, points FROM throttles WHERE name IN (${names
        .flat()
        .map(() => '?')
        .join()}) AND expires_at > ?`,
      [...names.flat(), Date.now()],
    );
    const points = new Map(found.map((row) => [row.name, Number(row.points)]));
    return names.map((rows) => rows.reduce((sum, name) => sum + (points.get(name) ?? 0), 0));
  }

  private async add(counts: readonly Omit<Count, 'limit'>[], manager: EntityManager): Promise<void> {
    const now = Date.now();
    const rows = counts
      .map(({ name, forMs, rows = 1 }) => ({ name: nameOf(name, Math.floor(Math.random() * rows)), ends: now + forMs }))
      // In one order, so that no two transactions wait for each other.
      .sort((a, b) => (a.name < b.name ? -1 : 1));
    await manager.query(
      `INSERT INTO throttles (name, points, expires_at) VALUES ${rows.map(() => '(?, 1, ?)').join()} AS new
       ON DUPLICATE KEY UPDATE
         points = IF(throttles.expires_at <= ?, 1, throttles.points + 1),
         expires_at = IF(throttles.expires_at <= ?, new.expires_at, throttles.expires_at)`,
      [...rows.flatMap(({ name, ends }) => [name, ends]), now, now],
    );
  }
}

function nameOf(name: string, row: number): string {
  return row === 0 ? name : `${name}#${row}`;
}
