// A limiter of rate-limiter-flexible whose counters all servers share, over the cluster: a node may fail.
import type { Cluster } from '@roam/mysql-cluster';
import type { RowDataPacket } from 'mysql2';
import { RateLimiterCompatibleAbstract, RateLimiterRes } from 'rate-limiter-flexible';

export interface MysqlRateLimiterOptions {
  /** Separates the keys of different limiters. */
  readonly keyPrefix: string;
  /** The points of one key in one duration; `consume` refuses more. */
  readonly points: number;
  readonly durationMs: number;
  /** Whether every point restarts the duration, so that a count is reset only after a pause in attempts. */
  readonly sliding?: boolean;
  /**
   * The number of rows that each count is spread over, at random; 1 by default. A change of a row waits for the commit
   * of the previous change: one row would be a bottleneck for many concurrent counts. Not for `sliding`.
   */
  readonly rows?: number;
  /** Milliseconds since 1970; for tests. */
  readonly now?: () => number;
}

/** Sums are decimals, which MySQL's driver returns as text. */
interface Counter {
  readonly points: number | string | null;
  readonly expiresAt: number | null;
}

/**
 * The library's own limiter for MySQL is bound to one pool, opens transactions and answers a conflict with an error.
 * Here each step is one statement with a time limit, which the cluster sends to a working node. A statement whose
 * answer was lost may count twice. Keys are at most 100 bytes of ASCII, prefix included.
 *
 * There is no fallback in memory, on purpose: while no node answers, every call throws `ClusterUnavailableError`, and
 * the caller must not continue.
 */
export class MysqlRateLimiter extends RateLimiterCompatibleAbstract {
  readonly points: number;
  readonly durationMs: number;
  private readonly prefix: string;
  private readonly sliding: boolean;
  private readonly rows: number;
  private readonly now: () => number;

  constructor(
    private readonly cluster: Pick<Cluster, 'read' | 'write'>,
    { keyPrefix, points, durationMs, sliding = false, rows = 1, now = Date.now }: MysqlRateLimiterOptions,
  ) {
    super();
    this.prefix = keyPrefix;
    this.points = points;
    this.durationMs = durationMs;
    this.sliding = sliding;
    this.rows = rows;
    this.now = now;
  }

  /** Counts; rejects with `RateLimiterRes` if that exceeds `points`. A refused call writes nothing. */
  override async consume(key: string, points = 1): Promise<RateLimiterRes> {
    const before = await this.get(key);
    const isOver = before !== null && before.consumedPoints + points > this.points;
    const result = isOver ? before : await this.penalty(key, points);
    // eslint-disable-next-line @typescript-eslint/only-throw-error -- The library's way to say no.
    if (isOver || result.consumedPoints > this.points) throw result;
    return result;
  }

  /** Counts. */
  override async penalty(key: string, points = 1): Promise<RateLimiterRes> {
    const now = this.now();
    const ends = now + this.durationMs;
    await this.cluster.write(
      `INSERT INTO throttles (name, points, expires_at) VALUES (?, ?, ?) AS new
       ON DUPLICATE KEY UPDATE
         points = IF(throttles.expires_at <= ?, new.points, throttles.points + new.points),
         expires_at = IF(? OR throttles.expires_at <= ?, new.expires_at, throttles.expires_at)`,
      [this.name(key, Math.floor(Math.random() * this.rows)), points, ends, now, this.sliding, now],
    );
    return (await this.get(key)) ?? this.result(points, ends);
  }

  /** The current count; null if there is none or it has expired. */
  override async get(key: string): Promise<RateLimiterRes | null> {
    const [sum] = await this.cluster.read<RowDataPacket & Counter>(
      `SELECT SUM(points) AS points, MIN(expires_at) AS expiresAt FROM throttles
       WHERE name IN (${this.placeholders()}) AND expires_at > ?`,
      [...this.names(key), this.now()],
    );
    return sum?.points == null ? null : this.result(Number(sum.points), Number(sum.expiresAt));
  }

  /** Deletes the count; false if there was none. */
  override async delete(key: string): Promise<boolean> {
    const { affectedRows } = await this.cluster.write(
      `DELETE FROM throttles WHERE name IN (${this.placeholders()})`,
      this.names(key),
    );
    return affectedRows > 0;
  }

  private name(key: string, row: number): string {
    return row === 0 ? `${this.prefix}:${key}` : `${this.prefix}:${key}#${row}`;
  }

  private names(key: string): string[] {
    return Array.from({ length: this.rows }, (_, row) => this.name(key, row));
  }

  private placeholders(): string {
    return Array(this.rows).fill('?').join();
  }

  private result(points: number, expiresAt: number): RateLimiterRes {
    const msBeforeNext = Math.max(expiresAt - this.now(), 0);
    return new RateLimiterRes(Math.max(this.points - points, 0), msBeforeNext, points);
  }
}
