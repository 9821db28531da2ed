// The revocation list in MySQL: a log that every server has read to its end, and goes on reading twice a second.
import type { RowDataPacket } from 'mysql2';
import { StoreUnavailableError } from '../../../core/errors.js';
import { hide } from '../../../core/hide.js';
import { MysqlEpochs } from '../../mysql/mysql-epochs.js';
import { guard, type SessionDatabase } from '../../mysql/session-database.js';
import { KnownRevocations } from './known-revocations.js';
import type { RevocationList } from './revocation-list.js';

export interface MysqlRevocationOptions {
  /** A `MysqlCluster` with the tables of `revocationTables`. */
  readonly database: SessionDatabase;
  /** Milliseconds between two looks at the list (default 500). */
  readonly followMs?: number;
  /**
   * Milliseconds that the last look may be past (default 1000); then nobody is let in before the next one. This is how
   * long after a logout another server may still take the old cookie.
   */
  readonly maxAgeMs?: number;
  /** Told of each look that failed; requests fail only when the list is too old. */
  readonly onFault?: (error: unknown) => void;
}

interface Row extends RowDataPacket {
  seq: number;
  subject: string;
  epoch: number | null;
  ends_at: number;
  settled: number;
}

/** Each entry is read again for this long, since rows of several writers become visible out of order. */
const WINDOW_MS = 10_000;
/** One look's rows are fetched in pieces of this many, so that each is answered in time. */
const PAGE = 5000;
/** All entries are written on one node, and on the next when that fails. */
const HOME = { key: 'session revocations' };

/**
 * Promises what `RevocationList` does, while its clock-free order holds: `seq` is MySQL's AUTO_INCREMENT, and a node
 * never gives a number below one that it has applied, whoever wrote it. So what is written after others have seen a
 * number gets a higher one, and only what was being written at that moment can turn up below it, a little later. That
 * is why each look starts at the highest number that this server had seen ten seconds before, and not at a time: no
 * clock, of a web server or of a database, has a say in it.
 */
export class MysqlRevocationList implements RevocationList {
  private readonly known = new KnownRevocations();
  private readonly epochs: MysqlEpochs;
  private readonly followMs: number;
  private readonly maxAgeMs: number;
  /** What had been seen when, oldest first. */
  private readonly seen: { at: number; seq: number }[] = [];
  private highest = 0;
  private heard = { monotonic: -Infinity, wall: -Infinity };
  private looking: Promise<void> | undefined;
  private timer: NodeJS.Timeout | undefined;
  private isClosed = false;

  private constructor(private readonly options: MysqlRevocationOptions) {
    hide(this, 'options');
    this.epochs = new MysqlEpochs(options.database);
    this.followMs = options.followMs ?? 500;
    this.maxAgeMs = options.maxAgeMs ?? 1000;
  }

  /**
   * Resolves when the whole list has been read: a server takes traffic after that. `close` stops following it.
   * @throws StoreUnavailableError when MySQL does not answer.
   */
  static async open(options: MysqlRevocationOptions): Promise<MysqlRevocationList> {
    const list = new MysqlRevocationList(options);
    await list.load();
    list.follow();
    return list;
  }

  close(): void {
    this.isClosed = true;
    clearTimeout(this.timer);
  }

  /** How many entries are held in memory. */
  get size(): number {
    return this.known.size;
  }

  async revoke(handle: string, until: number): Promise<void> {
    await this.append(handle, null, until);
    // Not before it is written: a server that refused a session which the others take would show a logout as done.
    this.known.addHandle(handle, until);
  }

  async raiseEpoch(userId: string, until: number): Promise<number> {
    const epoch = await this.epochs.raiseEpoch(userId);
    await this.append(userId, epoch, until);
    this.known.addEpoch(userId, epoch, until);
    return epoch;
  }

  epochOf(userId: string): Promise<number> {
    return this.epochs.epochOf(userId);
  }

  isRevoked(handle: string): boolean {
    return this.known.isRevoked(handle);
  }

  knownEpoch(userId: string): number {
    return this.known.epoch(userId);
  }

  async ensureFresh(): Promise<void> {
    if (this.age <= this.maxAgeMs) return;
    await this.look();
    if (this.age > this.maxAgeMs)
      throw new StoreUnavailableError(
        `The revocation list is older than ${this.maxAgeMs} ms and could not be read again.`,
      );
  }

  async sweep(before: number, limit: number): Promise<number> {
    const sql = `DELETE FROM session_revocations WHERE ends_at < ? ORDER BY ends_at LIMIT ${Math.trunc(limit)}`;
    return (await guard(this.options.database.write(sql, [before], HOME))).affectedRows;
  }

  private async append(subject: string, epoch: number | null, until: number): Promise<void> {
    const sql = 'INSERT INTO session_revocations (subject, epoch, ends_at) VALUES (?, ?, ?)';
    await guard(this.options.database.write(sql, [subject, epoch, until], { ...HOME, everywhere: true }));
  }

  /** Milliseconds since the start of the last look that succeeded, by the clock that says more: one may have stood still. */
  private get age(): number {
    return Math.max(performance.now() - this.heard.monotonic, Date.now() - this.heard.wall);
  }

  /** Looks on until `close`, starting a look every `followMs`. */
  private follow(startedAt = performance.now()): void {
    const wait = Math.max(0, startedAt + this.followMs - performance.now());
    this.timer = setTimeout(() => {
      const now = performance.now();
      void this.look()
        .catch((error: unknown) => this.options.onFault?.(error))
        .then(() => this.isClosed || this.follow(now));
    }, wait).unref();
  }

  private async load(): Promise<void> {
    const settled = await this.readFrom(0);
    // No earlier look tells what may still be on its way below the highest number: here the age of the entries has to.
    this.seen.unshift({ at: -Infinity, seq: settled });
  }

  /** One at a time; requests that ask meanwhile wait for the one under way. */
  private look(): Promise<void> {
    this.looking ??= this.readFrom(this.settledAt(performance.now()))
      .then(() => undefined)
      .finally(() => (this.looking = undefined));
    return this.looking;
  }

  /** The highest number that had been seen ten seconds before this moment. */
  private settledAt(now: number): number {
    while (this.seen.length > 1 && this.seen[1].at <= now - WINDOW_MS) this.seen.shift();
    return this.seen[0].seq;
  }

  /**
   * Takes in what every healthy node has above this number: an acknowledged entry is on all of them. Returns the highest
   * number of those that are so old that no lower one can still turn up.
   */
  private async readFrom(from: number): Promise<number> {
    const started = { monotonic: performance.now(), wall: Date.now() };
    const sql = `SELECT seq, subject, epoch, ends_at, written_at < NOW(3) - INTERVAL 1 MINUTE AS settled
      FROM session_revocations WHERE seq > ? ORDER BY seq LIMIT ${PAGE}`;
    let settledTo = 0;
    while (from < Infinity) {
      const nodes = await guard(this.options.database.readAll<Row>(sql, [from]));
      for (const { seq, subject, epoch, ends_at: until, settled } of nodes.flat()) {
        if (epoch === null) this.known.addHandle(subject, until);
        else this.known.addEpoch(subject, epoch, until);
        this.highest = Math.max(this.highest, seq);
        if (settled) settledTo = Math.max(settledTo, seq);
      }
      from = Math.min(...nodes.filter(({ length }) => length === PAGE).map((rows) => rows.at(-1)!.seq));
    }
    this.seen.push({ at: performance.now(), seq: this.highest });
    this.heard = started;
    return settledTo;
  }
}
