// Does the effects of the outbox: each row on one web server at a time, again until it succeeds.
import { Injectable, type BeforeApplicationShutdown } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { PinoLogger } from 'nestjs-pino';
import { AsyncLocalStorage } from 'node:async_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { In, Raw, type FindOptionsWhere, type Repository } from 'typeorm';
import type { QueryDeepPartialEntity } from 'typeorm/query-builder/QueryPartialEntity.js';
import { Config } from '../config/config.js';
import { limits } from '../config/limits.js';
import { databaseNow } from '../database/lease.js';
import { SecretBox } from '../database/secret-box.js';
import { Transactions } from '../database/transactions.js';
import type { Task } from '../tasks/task-runner.js';
import { EffectError } from './effect-error.js';
import { OutboxRow } from './outbox-row.entity.js';

/**
 * Does one effect. It may run twice for one row, if a web server dies between the effect and its mark in the table, so
 * it gives the effect an identity made from `id`, which is the same each time.
 * @throws {EffectError}
 */
export type EffectHandler = (content: unknown, id: string) => Promise<void>;

@Injectable()
export class OutboxWorker implements BeforeApplicationShutdown {
  /** The pause after each attempt but the last, in milliseconds; for tests. */
  pauses: readonly number[] = limits.outboxPausesMs;

  /**
   * Looks for rows that another web server has left, and for those to be tried again. Without a lease, which would be
   * written again and again while there is nothing to do: the claim of each row is its lease.
   */
  readonly task: Task = {
    name: 'outbox',
    everyMs: limits.outboxMs,
    leased: false,
    batch: async () => {
      this.kick();
      return 0;
    },
  };

  private readonly handlers = new Map<string, EffectHandler>();
  private readonly box: SecretBox;
  /** An effect is not part of the request that kicks, and continues when that request is given up. */
  private readonly outsideRequests = AsyncLocalStorage.snapshot();
  private running: Promise<void> | undefined;
  private isKicked = false;
  private ended = false;

  constructor(
    config: Config,
    @InjectRepository(OutboxRow) private readonly rows: Repository<OutboxRow>,
    private readonly transactions: Transactions,
    private readonly logger: PinoLogger,
  ) {
    this.box = new SecretBox(config.session.secrets, 'roam outbox');
  }

  /** Rows of a kind without a handler are left to a web server that has one, such as one of a newer release. */
  handle(kind: string, handler: EffectHandler): void {
    this.handlers.set(kind, handler);
  }

  /** Returns at once; the rows that are due now are done soon. */
  kick(): void {
    this.isKicked = true;
    if (this.ended) return;
    this.running ??= this.outsideRequests(() => this.run())
      .catch((error: unknown) =>
        this.logger.warn({ err: error }, 'could not read or write the outbox: trying again in some seconds'),
      )
      .finally(() => {
        this.running = undefined;
        if (this.isKicked) this.kick();
      });
  }

  /** Attempts in progress get a moment to finish. Other rows are left to the next web server. */
  async beforeApplicationShutdown(): Promise<void> {
    this.ended = true;
    await Promise.race([this.running, sleep(limits.mailMs, undefined, { ref: false })]);
  }

  private async run(): Promise<void> {
    this.isKicked = false;
    while (!this.ended && (await this.batch()) > 0);
  }

  /** Returns the number of rows that were due, for this web server or another one. */
  private async batch(): Promise<number> {
    const kind = In([...this.handlers.keys()]);
    const dueAt = Raw((column) => `${column} <= ${databaseNow}`);
    const due = await this.transactions.statement(() =>
      this.rows.find({ where: { kind, dueAt }, order: { dueAt: 'ASC' }, take: limits.outboxAtOnce }),
    );
    await Promise.all(due.map((row) => this.attempt(row)));
    return due.length;
  }

  /** Does nothing if another web server has claimed the row. */
  private async attempt(row: OutboxRow): Promise<void> {
    const { id, kind, content, attempts } = row;
    // A compare-and-set before the effect. If this process dies, the row is due again after the pause.
    const pause = this.pauses[attempts] ?? this.pauses.at(-1)!;
    const claim = { attempts: attempts + 1, dueAt: () => `${databaseNow} + ${pause}` };
    if (!(await this.change({ id, attempts }, claim))) return;
    try {
      await this.handlers.get(kind)!(JSON.parse(this.box.open(id, content!).secret.toString()), id);
    } catch (error) {
      return this.failed(row, error);
    }
    await this.change({ id }, { content: null, dueAt: null, sentAt: () => databaseNow });
  }

  private async failed({ id, kind, attempts }: OutboxRow, error: unknown): Promise<void> {
    const known = error instanceof EffectError ? error : undefined;
    const details = known?.details ?? { err: error, kind };
    const what = known?.message ?? 'could not do an effect of the outbox';
    if (!known?.isFinal && attempts < this.pauses.length)
      return this.logger.warn({ ...details, attempts: attempts + 1 }, `${what}: trying again`);
    this.logger.error({ ...details, attempts: attempts + 1 }, `${what}: giving up`);
    await this.change({ id }, { content: null, dueAt: null });
  }

  private async change(
    where: FindOptionsWhere<OutboxRow>,
    changes: QueryDeepPartialEntity<OutboxRow>,
  ): Promise<boolean> {
    const { affected } = await this.transactions.statement(() => this.rows.update(where, changes));
    return affected === 1;
  }
}
