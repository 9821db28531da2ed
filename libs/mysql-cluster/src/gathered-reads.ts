// Reads by key that arrive in the same turn of the event loop, as one statement to their node.
import type { RowDataPacket } from 'mysql2';
import type { AttemptDeadline } from './budget.js';
import { rowsOf, type StatementResult } from './connection.js';
import type { Deadline, DeadlineClock } from './deadline-clock.js';
import { DeadlineError, failureOf, NoConnectionError } from './errors.js';
import type { KeyedSelect, Parameter } from './types.js';

/** The numbers of keys that a statement is prepared for; what is between them is filled up with the last key. */
const SIZES = [1, 2, 4, 8, 16, 32];
const LARGEST = 32;
/** So many statements run at once on a node: what arrives meanwhile is gathered, and goes out when one of them has ended. */
const UNDER_WAY = 2;

/** The connections that the statements take. */
export interface Reads {
  run(sql: string, parameters: readonly Parameter[], deadline: AttemptDeadline): Promise<StatementResult>;
  hasAnsweredSince(moment: number): boolean;
}

/**
 * An idle machine waits for nothing: a read goes out at the end of the turn in which it arrived. Each keeps its own deadline,
 * as if it had a statement of its own; one that has not been sent by then, or when this process was frozen, is not sent.
 */
export class GatheredReads {
  private readonly waiting = new Map<KeyedSelect<RowDataPacket>, GatheredRead[]>();
  private underWay = 0;
  private isScheduled = false;

  constructor(
    private readonly clock: DeadlineClock,
    private readonly reads: Reads,
  ) {}

  /** The row of this key, if there is one. Rejects as `NodePool.run` does. */
  run(
    select: KeyedSelect<RowDataPacket>,
    key: string,
    parameter: Parameter,
    deadline: AttemptDeadline,
  ): Promise<RowDataPacket[]> {
    return new Promise((resolve, reject) => {
      const read = new GatheredRead(this.clock, this.reads, key, parameter, deadline, { resolve, reject });
      const others = this.waiting.get(select);
      if (others) others.push(read);
      else this.waiting.set(select, [read]);
      this.schedule();
    });
  }

  private schedule(): void {
    if (this.isScheduled || this.underWay >= UNDER_WAY || this.waiting.size === 0) return;
    this.isScheduled = true;
    setImmediate(() => {
      this.isScheduled = false;
      // A standstill is noticed by whoever asks the clock first, and then nothing of before is sent.
      this.clock.now();
      while (this.underWay < UNDER_WAY && this.sendNext()) this.underWay++;
    });
  }

  /** False when nothing waits. */
  private sendNext(): boolean {
    for (const [select, reads] of this.waiting) {
      const batch: GatheredRead[] = [];
      let read: GatheredRead | undefined;
      while (batch.length < LARGEST && (read = reads.shift())) if (!read.isOver) batch.push(read);
      // What is left has its turn after the others.
      this.waiting.delete(select);
      if (reads.length > 0) this.waiting.set(select, reads);
      if (batch.length === 0) continue;
      void this.send(select, batch).finally(() => {
        this.underWay--;
        this.schedule();
      });
      return true;
    }
    return false;
  }

  private async send(select: KeyedSelect<RowDataPacket>, batch: readonly GatheredRead[]): Promise<void> {
    // Two readers of the same row share it.
    const parameters = [...new Map(batch.map(({ key, parameter }) => [key, parameter])).values()];
    const size = SIZES.find((each) => each >= parameters.length)!;
    while (parameters.length < size) parameters.push(parameters.at(-1)!);
    const end = Math.max(...batch.map((read) => read.sent()));
    try {
      const rows = rowsOf(await this.reads.run(select.sql(size), parameters, { soft: end, hard: end }));
      const byKey = new Map(rows.map((row) => [select.keyOf(row), row]));
      for (const read of batch) read.resolve(byKey.get(read.key));
    } catch (error) {
      // A statement that is at fault may be so for one key only.
      const goAlone = batch.length > 1 && failureOf(error) === 'statement';
      for (const read of batch)
        if (goAlone) read.alone(select.sql(1));
        else read.reject(error as Error);
    }
  }
}

/** One read of a batch, with the deadline that it would have by itself. */
class GatheredRead implements Deadline {
  deadline: number;
  private sentAt: number | undefined;
  private over = false;

  constructor(
    private readonly clock: DeadlineClock,
    private readonly reads: Reads,
    readonly key: string,
    readonly parameter: Parameter,
    private readonly limits: AttemptDeadline,
    private readonly caller: { resolve(rows: RowDataPacket[]): void; reject(error: Error): void },
  ) {
    this.deadline = limits.soft;
    clock.register(this);
  }

  get isOver(): boolean {
    return this.over;
  }

  /** It is under way from now on; returns its last moment. */
  sent(): number {
    this.sentAt = this.clock.now();
    return this.limits.hard;
  }

  expire(): void {
    const { sentAt, limits } = this;
    if (sentAt === undefined)
      return this.reject(new NoConnectionError('other reads stayed under way until the deadline', false));
    if (this.deadline < limits.hard && (limits.onSlow || this.reads.hasAnsweredSince(sentAt))) {
      this.deadline = limits.hard;
      return limits.onSlow?.();
    }
    this.reject(new DeadlineError('a gathered read', this.clock.now() - sentAt));
  }

  abandon(): void {
    this.reject(new NoConnectionError('the process was paused; the answer is no longer awaited', false));
  }

  /** Asks once more, with a statement of its own. */
  alone(sql: string): void {
    this.reads.run(sql, [this.parameter], this.limits).then(
      (result) => this.resolve(rowsOf<RowDataPacket>(result)[0]),
      (error: Error) => this.reject(error),
    );
  }

  resolve(row: RowDataPacket | undefined): void {
    if (this.end()) this.caller.resolve(row ? [row] : []);
  }

  reject(error: Error): void {
    if (this.end()) this.caller.reject(error);
  }

  /** False when it had ended before. */
  private end(): boolean {
    if (this.over) return false;
    this.over = true;
    this.clock.unregister(this);
    return true;
  }
}
