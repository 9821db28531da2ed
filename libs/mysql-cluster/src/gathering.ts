// Statements of one kind that arrive in the same turn of the event loop, as one statement to their node.
import type { AttemptDeadline } from './budget.js';
import type { StatementResult } from './connection.js';
import type { Deadline, DeadlineClock } from './deadline-clock.js';
import { DeadlineError, failureOf, NoConnectionError } from './errors.js';
import type { Parameter, Statement } from './types.js';

/** So many run at once on a node: what arrives meanwhile is gathered, and goes out when one of them has ended. */
const UNDER_WAY = 2;
/** Milliseconds after which one counts no more: it may wait for a lock or for the group, and must not hold up the others. */
const SLOW_MS = 25;

/** The connections that the statements take; `NodePool` has them. */
export interface Connections {
  run(sql: string, parameters: readonly Parameter[], deadline: AttemptDeadline): Promise<StatementResult>;
  runNext(next: () => NextStatement | undefined, until: number): Promise<StatementResult | undefined>;
  hasAnsweredSince(moment: number): boolean;
}

/** A statement with its last moment, in the clock's time. */
export interface NextStatement extends Statement {
  readonly end: number;
}

/**
 * An idle machine waits for nothing: a statement goes out at the end of the turn in which it arrived. Each member keeps its
 * own deadline, as if it had a statement of its own; one that has not been sent by then, or when this process was frozen,
 * is not sent. What goes with it is chosen when there is a connection, so that nothing waits for one after that.
 *
 * @typeParam S what members must have in common; V what each brings; A what each gets
 */
export abstract class Gathering<S, V, A> {
  private readonly waiting = new Map<S, Member<V, A>[]>();
  private unsent = 0;
  private underWay = 0;
  private isScheduled = false;

  /** @param queueLimit how many may wait at most; more are refused at once */
  constructor(
    private readonly clock: DeadlineClock,
    private readonly connections: Connections,
    private readonly queueLimit: number,
    private readonly slowMs = SLOW_MS,
  ) {}

  /** Rejects as `NodePool.run` does. */
  run(by: S, key: string, value: V, deadline: AttemptDeadline): Promise<A> {
    if (this.unsent >= this.queueLimit)
      return Promise.reject(new NoConnectionError(`the queue is full: ${this.unsent} statements wait`, true));
    this.unsent++;
    return new Promise((resolve, reject) => {
      const caller = { resolve, reject, left: () => this.unsent-- };
      const member = new Member<V, A>(this.clock, this.connections, key, value, deadline, caller);
      const others = this.waiting.get(by);
      if (others) others.push(member);
      else this.waiting.set(by, [member]);
      this.schedule();
    });
  }

  /** Rejects all that have not been sent: the node is not to be used now. */
  rejectWaiting(reason: string): void {
    this.rejectAll(new NoConnectionError(reason, false));
  }

  /** Takes from those that wait, first come first served, what goes in one statement. */
  protected abstract take(by: S, waiting: Member<V, A>[]): Member<V, A>[];
  protected ended(_batch: readonly Member<V, A>[]): void {}
  protected abstract together(by: S, batch: readonly Member<V, A>[]): Statement;
  protected abstract alone(by: S, value: V): Statement;
  /** What each has to be told of the common answer. */
  protected abstract answers(by: S, batch: readonly Member<V, A>[], result: StatementResult): A[];
  protected abstract answerAlone(result: StatementResult): A;

  private schedule(): void {
    if (this.isScheduled || this.underWay >= UNDER_WAY || this.waiting.size === 0) return;
    this.isScheduled = true;
    setImmediate(() => {
      this.isScheduled = false;
      // A second one only for what did not fit into the first.
      while (this.underWay < UNDER_WAY && this.waiting.size > 0 && this.sendNext());
    });
  }

  /** False when its statement waits for a connection: what is left may go with it. */
  private sendNext(): boolean {
    let batch: Batch<S, V, A> | undefined;
    this.underWay++;
    let timer: NodeJS.Timeout | undefined;
    let counts = true;
    const leave = () => {
      if (counts) this.underWay--;
      counts = false;
    };
    const next = () => {
      timer = setTimeout(() => {
        leave();
        this.schedule();
      }, this.slowMs);
      return (batch = this.nextBatch());
    };
    void this.send(next).finally(() => {
      clearTimeout(timer);
      leave();
      // What waits for others that are under way is sent when those have ended.
      if (!batch) return;
      this.ended(batch.members);
      this.schedule();
    });
    return batch !== undefined;
  }

  private async send(next: () => Batch<S, V, A> | undefined): Promise<void> {
    let batch: Batch<S, V, A> | undefined;
    const statement = (): NextStatement | undefined => {
      batch = next();
      if (!batch) return undefined;
      const { by, members } = batch;
      const end = Math.max(...members.map((member) => member.sent()));
      const { sql, parameters } = members.length > 1 ? this.together(by, members) : this.alone(by, members[0].value);
      return { sql, parameters, end };
    };
    try {
      const result = await this.connections.runNext(statement, this.latest());
      if (!batch || !result) return;
      const { by, members } = batch;
      const answers = members.length > 1 ? this.answers(by, members, result) : [this.answerAlone(result)];
      members.forEach((member, i) => member.resolve(answers[i]));
    } catch (error) {
      if (!batch) return this.rejectAll(error as Error);
      this.failed(batch, error as Error);
    }
  }

  private failed({ by, members }: Batch<S, V, A>, error: Error): void {
    // A statement that is at fault has no effect, and may be so for one member only.
    const goAlone = members.length > 1 && failureOf(error) === 'statement';
    for (const member of members)
      if (goAlone) member.alone(this.alone(by, member.value), (result) => this.answerAlone(result));
      else member.reject(error);
  }

  /** Undefined when nothing can be sent now. */
  private nextBatch(): Batch<S, V, A> | undefined {
    // A standstill is noticed by whoever asks the clock first, and then nothing of before is sent.
    this.clock.now();
    for (const [by, all] of [...this.waiting]) {
      const waiting = all.filter(({ isOver }) => !isOver);
      const members = waiting.length > 0 ? this.take(by, waiting) : [];
      // What is left has its turn after the others.
      this.waiting.delete(by);
      if (waiting.length > 0) this.waiting.set(by, waiting);
      if (members.length > 0) return { by, members };
    }
    return undefined;
  }

  private rejectAll(error: Error): void {
    const groups = [...this.waiting.values()];
    this.waiting.clear();
    for (const member of groups.flat()) member.reject(error);
  }

  /** The last moment of those that wait. */
  private latest(): number {
    let latest = 0;
    for (const members of this.waiting.values()) for (const { end } of members) latest = Math.max(latest, end);
    return latest;
  }
}

/** Who waits for the answer, and is told when nothing waits to be sent any more. */
interface Caller<A> {
  resolve(answer: A): void;
  reject(error: Error): void;
  left(): void;
}

interface Batch<S, V, A> {
  readonly by: S;
  readonly members: readonly Member<V, A>[];
}

/** One of those that share a statement, with the deadline that it would have by itself. */
export class Member<V, A> implements Deadline {
  deadline: number;
  private sentAt: number | undefined;
  private over = false;

  constructor(
    private readonly clock: DeadlineClock,
    private readonly connections: Connections,
    readonly key: string,
    readonly value: V,
    private readonly limits: AttemptDeadline,
    private readonly caller: Caller<A>,
  ) {
    this.deadline = limits.soft;
    clock.register(this);
  }

  get isOver(): boolean {
    return this.over;
  }

  /** Its last moment. */
  get end(): number {
    return this.limits.hard;
  }

  /** It is under way from now on; returns its last moment. */
  sent(): number {
    this.caller.left();
    this.sentAt = this.clock.now();
    return this.end;
  }

  expire(): void {
    const { sentAt, limits } = this;
    if (sentAt === undefined)
      return this.reject(new NoConnectionError('other statements stayed under way until the deadline', false));
    if (this.deadline < limits.hard && (limits.onSlow || this.connections.hasAnsweredSince(sentAt))) {
      this.deadline = limits.hard;
      return limits.onSlow?.();
    }
    this.reject(new DeadlineError('a gathered statement', this.clock.now() - sentAt));
  }

  abandon(): void {
    const paused = 'the process was paused';
    if (this.sentAt === undefined)
      return this.reject(new NoConnectionError(`${paused}; the statement was not sent`, false));
    this.reject(new DeadlineError(`${paused} while a statement ran; its outcome is unknown`, 0));
  }

  /** Goes once more, with a statement of its own. */
  alone({ sql, parameters }: Statement, answerOf: (result: StatementResult) => A): void {
    if (this.over) return;
    this.connections.run(sql, parameters, this.limits).then(
      (result) => this.resolve(answerOf(result)),
      (error: Error) => this.reject(error),
    );
  }

  resolve(answer: A): void {
    if (this.finish()) this.caller.resolve(answer);
  }

  reject(error: Error): void {
    if (this.finish()) this.caller.reject(error);
  }

  /** False when it had ended before. */
  private finish(): boolean {
    if (this.over) return false;
    this.over = true;
    this.clock.unregister(this);
    if (this.sentAt === undefined) this.caller.left();
    return true;
  }
}
