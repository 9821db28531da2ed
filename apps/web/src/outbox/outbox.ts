// The outbox: effects outside of MySQL, written with the commit that promises them.
import { Injectable } from '@nestjs/common';
import { createHash } from 'node:crypto';
import { DataSource, type EntityManager, type EntitySubscriberInterface, type TransactionCommitEvent } from 'typeorm';
import { Config } from '../config/config.js';
import { isDuplicate } from '../database/is-duplicate.js';
import { databaseNow } from '../database/lease.js';
import { SecretBox } from '../database/secret-box.js';
import { Transactions } from '../database/transactions.js';
import { OutboxRow } from './outbox-row.entity.js';
import { OutboxWorker } from './outbox-worker.js';

export interface Effect {
  /** Which handler of `OutboxWorker` does it. */
  readonly kind: string;
  /** Names the effect. For an hour after it is done, the same key of the same kind is not put again. */
  readonly key: string;
  /** What the handler gets: JSON, encrypted while it waits. */
  readonly content: unknown;
  /** The effect is done so many milliseconds later, not at once. */
  readonly delayMs?: number;
}

@Injectable()
export class Outbox implements EntitySubscriberInterface {
  private readonly box: SecretBox;

  constructor(
    config: Config,
    source: DataSource,
    private readonly transactions: Transactions,
    private readonly worker: OutboxWorker,
  ) {
    this.box = new SecretBox(config.session.secrets, 'roam outbox');
    source.subscribers.push(this);
  }

  /**
   * Writes the effect, in the transaction of `manager` if there is one. Once that is committed, a web server does the
   * effect soon and at least once, or gives it up with a log line. False if the key was put before.
   *
   * ```ts
   * await transactions.run(async (manager) => {
   *   await users.change(id, { passwordHash }, manager);
   *   await outbox.put({ kind: 'mail', key, content }, manager);
   * });
   * ```
   */
  async put({ kind, key, content, delayMs = 0 }: Effect, manager?: EntityManager): Promise<boolean> {
    const id = idOf(kind, key);
    const sealed = this.box.seal(id, Buffer.from(JSON.stringify(content)));
    const [dueAt, createdAt] = [() => `${databaseNow} + ${Math.ceil(delayMs)}`, () => databaseNow];
    try {
      await this.transactions.statement(
        (part) => part.insert(OutboxRow, { id, kind, content: sealed, attempts: 0, dueAt, createdAt }),
        manager,
      );
    } catch (error) {
      if (isDuplicate(error)) return false;
      throw error;
    }
    if (manager?.queryRunner?.isTransactionActive) manager.queryRunner.data.hasPut = true;
    else this.worker.kick();
    return true;
  }

  /** In the transaction that has put the effect: it is not done, and its key stays taken. */
  async cancel(kind: string, key: string, manager: EntityManager): Promise<void> {
    await manager.update(OutboxRow, { id: idOf(kind, key) }, { content: null, dueAt: null });
  }

  /** In the transaction that has put the effect: it is done so many milliseconds later. */
  async delay(kind: string, key: string, delayMs: number, manager: EntityManager): Promise<void> {
    if (delayMs <= 0) return;
    await manager.update(OutboxRow, { id: idOf(kind, key) }, { dueAt: () => `${databaseNow} + ${Math.ceil(delayMs)}` });
  }

  /** Called by TypeORM. */
  afterTransactionCommit({ queryRunner }: TransactionCommitEvent): void {
    if (queryRunner.data.hasPut) this.worker.kick();
  }
}

function idOf(kind: string, key: string): string {
  return createHash('sha256').update(`${kind} ${key}`).digest('hex');
}
