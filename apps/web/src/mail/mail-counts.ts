// Counts what is sent, in the transaction that writes the mail: a mail that is rolled back does not count.
import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';

export interface Count {
  /** At most 100 ASCII characters. */
  readonly name: string;
  readonly limit: number;
  /** The period that is counted, in milliseconds; it begins with its first mail. */
  readonly forMs: number;
}

/**
 * The counters are rows of `throttles`. Two transactions with the same counter change the same row: the second one waits, or, on
 * another node of a group, is rolled back and runs again. So no limit is exceeded.
 */
@Injectable()
export class MailCounts {
  /** Counts one in each. Where one has reached its limit, it counts nothing and returns that one. */
  async take(counts: readonly Count[], manager: EntityManager): Promise<Count | undefined> {
    const before = await this.read(counts, manager);
    const reached = counts.find(({ name, limit }) => (before.get(name) ?? 0) >= limit);
    if (reached || counts.length === 0) return reached;
    await this.add(counts, manager);
    // Others may have counted since, and have committed.
    const after = await this.read(counts, manager);
    return counts.find(({ name, limit }) => (after.get(name) ?? 0) > limit);
  }

  /** Counts one, and returns the count with it. */
  async next(count: Omit<Count, 'limit'>, manager: EntityManager): Promise<number> {
    await this.add([count], manager);
    return this.of(count.name, manager);
  }

  async of(name: string, manager: EntityManager): Promise<number> {
    return (await this.read([{ name }], manager)).get(name) ?? 0;
  }

  private async read(counts: readonly { name: string }[], manager: EntityManager): Promise<Map<string, number>> {
    if (counts.length === 0) return new Map();
    const rows = await manager.query<{ name: string; points: number }[]>(
      `SELECT name, points FROM throttles WHERE name IN (${counts.map(() => '?').join()}) AND expires_at > ?`,
      [...counts.map(({ name }) => name), Date.now()],
    );
    return new Map(rows.map(({ name, points }) => [name, Number(points)]));
  }

  private async add(counts: readonly Omit<Count, 'limit'>[], manager: EntityManager): Promise<void> {
    const now = Date.now();
    // In one order, so that no two transactions wait for each other.
    const sorted = counts.toSorted((a, b) => (a.name < b.name ? -1 : 1));
    await manager.query(
      `INSERT INTO throttles (name, points, expires_at) VALUES ${sorted.map(() => '(?, 1, ?)').join()} AS new
       ON DUPLICATE KEY UPDATE
         points = IF(throttles.expires_at <= ?, 1, throttles.points + 1),
         expires_at = IF(throttles.expires_at <= ?, new.expires_at, throttles.expires_at)`,
      [...sorted.flatMap(({ name, forMs }) => [name, now + forMs]), now, now],
    );
  }
}
