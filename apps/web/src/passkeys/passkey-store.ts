// The passkeys in the database.
import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { createHash } from 'node:crypto';
import { In, LessThan, Not, type EntityManager, type Repository } from 'typeorm';
import { isDuplicate } from '../database/is-duplicate.js';
import { Transactions } from '../database/transactions.js';
import { HoldsPersonalData, type Owner, type PersonalData } from '../users/personal-data.js';
import { Passkey } from './passkey.entity.js';

export interface NewPasskey extends Pick<Passkey, 'credentialId' | 'publicKey' | 'counter' | 'transports' | 'name'> {
  /** That the browser answered: it counts once. */
  readonly challenge: string;
}

/** One use. */
export interface Use {
  /** The counter of the authenticator. */
  readonly counter: number;
  /** When the challenge was issued, in milliseconds since 1970. */
  readonly askedAt: number;
  readonly idempotencyKey: string;
}

@Injectable()
@HoldsPersonalData()
export class PasskeyStore implements PersonalData {
  constructor(
    @InjectRepository(Passkey) private readonly passkeys: Repository<Passkey>,
    private readonly transactions: Transactions,
  ) {}

  find(credentialId: Buffer): Promise<Passkey | null> {
    return this.transactions.statement(() => this.passkeys.findOneBy({ hash: hashOf(credentialId), removedBy: '' }));
  }

  /** The passkeys of a user, oldest first. */
  listOf(userId: string): Promise<Passkey[]> {
    return this.transactions.statement(() =>
      this.passkeys.find({ where: { userId, removedBy: '' }, order: { createdAt: 'ASC' } }),
    );
  }

  /** In a transaction: how many others than `except` the user has. */
  countOf(userId: string, manager: EntityManager, except = ''): Promise<number> {
    return manager.countBy(Passkey, { userId, hash: Not(Buffer.from(except, 'base64url')), removedBy: '' });
  }

  /**
   * In a transaction. False if another user has the same one, since no authenticator creates an id twice, or if another one was
   * created for the same challenge. May be repeated.
   */
  async add(userId: string, credential: NewPasskey, manager: EntityManager): Promise<boolean> {
    const { challenge, ...rest } = credential;
    const hash = hashOf(rest.credentialId);
    const row = { hash, userId, ...rest, createdAt: new Date(), challenge: hashOf(challenge) };
    // TypeORM would read the defaults of the new row back.
    const insert = manager.createQueryBuilder().insert().into(Passkey).values(row).updateEntity(false);
    await insert.execute().catch((error: unknown) => {
      if (!isDuplicate(error)) throw error;
    });
    return (await manager.countBy(Passkey, { hash, userId, removedBy: '' })) > 0;
  }

  /**
   * Records a use, so that each challenge counts once; false when this challenge or a later one was answered before, or
   * when the passkey is removed. A repetition with the same idempotency key succeeds again. The counter never decreases.
   */
  async use({ credentialId }: Passkey, { counter, askedAt, idempotencyKey }: Use): Promise<boolean> {
    const isNew = [{ askedAt: LessThan(askedAt) }, { askedAt, usedBy: idempotencyKey }];
    const { affected } = await this.transactions.statement(() =>
      this.passkeys
        .createQueryBuilder()
        .update({ counter: () => 'GREATEST(counter, :counter)', usedAt: new Date(), askedAt, usedBy: idempotencyKey })
        .where({ hash: hashOf(credentialId), removedBy: '' })
        .andWhere(isNew)
        .setParameter('counter', counter)
        .execute(),
    );
    return affected === 1;
  }

  /**
   * In a transaction. From then on nobody can sign in with the passkey; `remove` deletes it. False when the user has no
   * such passkey. A repetition with the same idempotency key succeeds again.
   */
  async disable(userId: string, id: string, idempotencyKey: string, manager: EntityManager): Promise<boolean> {
    const present = { hash: Buffer.from(id, 'base64url'), userId, removedBy: In(['', idempotencyKey]) };
    const { affected } = await manager.update(Passkey, present, { removedBy: idempotencyKey });
    return affected === 1;
  }

  async remove(userId: string, id: string): Promise<void> {
    await this.transactions.statement(() => this.passkeys.delete({ hash: Buffer.from(id, 'base64url'), userId }));
  }

  /** In a transaction. */
  async deleteOf(userId: string, manager: EntityManager): Promise<void> {
    await manager.delete(Passkey, { userId });
  }

  async exportOf({ id }: Owner): Promise<{ passkeys: object[] }> {
    const passkeys = await this.listOf(id);
    return { passkeys: passkeys.map(({ name, createdAt, usedAt }) => ({ name, createdAt, usedAt })) };
  }
}

export function passkeyId(credentialId: Buffer): string {
  return hashOf(credentialId).toString('base64url');
}

function hashOf(value: Buffer | string): Buffer {
  return createHash('sha256').update(value).digest();
}
