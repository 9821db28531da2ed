// Accounts: opens one so that a repeated request finds its own, and finds one by e-mail address.
import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { And, IsNull, LessThan, Like, MoreThan, Not, Or, type EntityManager, type Repository } from 'typeorm';
import { idOfRequest, newId } from '../database/ids.js';
import { isDuplicate } from '../database/is-duplicate.js';
import { Transactions } from '../database/transactions.js';
import { EmailTakenError } from '../http/app.errors.js';
import { storedForms } from './email.js';
import { findByEmail } from './find-by-email.js';
import { PasswordsService } from './passwords.service.js';
import { User, withoutTotp, type Role, type UserWithSecrets } from './user.entity.js';
import type { Registration } from './user.schemas.js';

/** A method with a `manager` takes part in its transaction. */
@Injectable()
export class UsersService {
  constructor(
    @InjectRepository(User) private readonly users: Repository<User>,
    private readonly transactions: Transactions,
    private readonly passwords: PasswordsService,
  ) {}

  /** The account with this address, in whatever way it is written. */
  findByEmail(email: string): Promise<User | null> {
    return this.transactions.statement(() => findByEmail(this.users, email));
  }

  findById(id: string): Promise<User | null> {
    return this.transactions.statement(() => this.users.findOneBy({ id }));
  }

  /** With what proves the identity, which no other read brings along. */
  async findWithSecrets(id: string, manager?: EntityManager): Promise<UserWithSecrets | null> {
    const find = (part: EntityManager) =>
      part.createQueryBuilder(User, 'user').addSelect(['user.passwordHash', 'user.totpSecret']).where({ id }).getOne();
    return (await this.transactions.statement(find, manager)) as UserWithSecrets | null;
  }

  /** @throws {EmailTakenError} when another account has the new address */
  async change(
    id: string,
    changes: Partial<Omit<User, 'id' | 'roles' | 'createdAt'>>,
    manager?: EntityManager,
  ): Promise<void> {
    try {
      await this.transactions.statement((part) => part.update(User, { id }, changes), manager);
    } catch (error) {
      throw isDuplicate(error) ? new EmailTakenError() : error;
    }
  }

  /** At most `limit` accounts whose address comes after `after` and begins with `search`, ordered by address. */
  list({ search, after, limit }: { search: string; after: string; limit: number }): Promise<User[]> {
    const beginnings = storedForms(search).map((text) => Like(`${text.replace(/[\\%_]/g, '\\$&')}%`));
    return this.transactions.statement(() =>
      this.users.find({
        where: { email: And(MoreThan(after), Or(...beginnings)) },
        order: { email: 'ASC' },
        take: limit,
      }),
    );
  }

  /** The caller must end the user's sessions, which keep the former roles. */
  async setRoles(id: string, roles: Role[], manager: EntityManager): Promise<void> {
    await manager.update(User, { id }, { roles });
  }

  /**
   * In a transaction that adds something to an account or checks how much of it there is, before all else: no other such
   * transaction and no deletion runs until it ends or, on another node of a group, commits beside it. All change the same row,
   * which no lock of one node would show to the others. False if there is no such account, and nothing may be added.
   */
  async takeTurn(id: string, manager: EntityManager): Promise<boolean> {
    const { affected } = await manager.increment(User, { id }, 'turn', 1);
    return affected === 1;
  }

  /** In a transaction: `findById` would read beside it. */
  findIn(manager: EntityManager, id: string): Promise<User | null> {
    return manager.findOneBy(User, { id });
  }

  /** First in its transaction, as `takeTurn`: whoever adds something to the account comes before, or too late. */
  async remove(id: string, manager: EntityManager): Promise<void> {
    await manager.delete(User, { id });
  }

  /**
   * Turns on signing in with an app's code, and uses up the time step of the code that confirmed the app; false when the
   * user has an app already. A repetition with the same idempotency key succeeds again.
   */
  async addTotp(
    id: string,
    sealed: Buffer,
    step: number,
    idempotencyKey: string,
    manager: EntityManager,
  ): Promise<boolean> {
    const { affected } = await manager.update(
      User,
      [
        { id, totpSince: IsNull() },
        { id, totpStep: step, totpUsedBy: idempotencyKey },
      ],
      { totpSecret: sealed, totpSince: () => 'UTC_TIMESTAMP(3)', totpStep: step, totpUsedBy: idempotencyKey },
    );
    return affected === 1;
  }

  /**
   * Uses up a time step of the user's app, so that its code counts once; false when it or a later one was used before. A
   * repetition with the same idempotency key succeeds again.
   */
  async useTotpStep(id: string, step: number, idempotencyKey: string): Promise<boolean> {
    const { affected } = await this.transactions.statement((manager) =>
      manager.update(
        User,
        [
          { id, totpSince: Not(IsNull()), totpStep: LessThan(step) },
          { id, totpSince: Not(IsNull()), totpStep: step, totpUsedBy: idempotencyKey },
        ],
        { totpStep: step, totpUsedBy: idempotencyKey },
      ),
    );
    return affected === 1;
  }

  /** Stores another hash in place of the checked one; false if that was replaced meanwhile. */
  async replaceHash(
    { id, passwordHash: old }: UserWithSecrets,
    passwordHash: string,
    manager?: EntityManager,
  ): Promise<boolean> {
    const { affected } = await this.transactions.statement(
      (part) => part.update(User, { id, passwordHash: old }, { passwordHash }),
      manager,
    );
    if (affected === 1) return true;
    // The cluster may have repeated a statement that had succeeded.
    return (await this.findWithSecrets(id, manager))?.passwordHash === passwordHash;
  }

  /**
   * Opens an account. The same request sent twice (same `requestId`, address and password) opens one and returns it
   * both times, even if the answer to the first was lost.
   * @param together what is committed with the new account, and only with it
   * @throws {EmailTakenError} @throws {InvalidInputError} when the password is known from a breach
   */
  async register(
    { email, name, password }: Registration,
    requestId: string | undefined,
    together: (user: User, manager: EntityManager) => Promise<unknown>,
  ): Promise<UserWithSecrets> {
    const id = requestId === undefined ? newId() : idOfRequest(requestId, 'user', email);
    const passwordHash = await this.passwords.hashNew(password);
    const blank = {
      roles: [],
      emailVerifiedAt: null,
      ...withoutTotp,
      totpUsedBy: '',
      deactivatedAt: null,
      turn: 0,
    };
    const user = this.users.create({ id, email, name, passwordHash, ...blank, createdAt: new Date() });
    try {
      await this.transactions.run(async (manager) => {
        await manager.insert(User, user);
        await together(user, manager);
      });
      return user as UserWithSecrets;
    } catch (error) {
      if (!isDuplicate(error)) throw error;
      const existing = await this.findWithSecrets(id);
      if (existing?.email !== email) throw new EmailTakenError().concerning({ email });
      // A client that can choose request ids must still know the password. A row that the cluster's own repetition
      // inserted has exactly this hash.
      const own =
        existing.passwordHash === passwordHash || (await this.passwords.verify(existing.passwordHash, password));
      if (!own) throw new EmailTakenError().concerning({ email });
      return existing;
    }
  }
}
