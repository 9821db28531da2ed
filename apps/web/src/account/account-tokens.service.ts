// The tokens in e-mails: random, for one purpose, for a short time, used once. Only their hashes are stored.
import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { createHash, randomBytes } from 'node:crypto';
import { In, MoreThan, Not, type EntityManager, type Repository } from 'typeorm';
import { limits } from '../config/limits.js';
import { Transactions } from '../database/transactions.js';
import { UsersService } from '../users/users.service.js';
import { HoldsPersonalData, type PersonalData } from '../users/personal-data.js';
import { AccountToken, type TokenPurpose } from './account-token.entity.js';

/** How long each token works, in milliseconds (OWASP ASVS 6.5.5 for tokens that set a password). */
const lifetimes: Readonly<Record<TokenPurpose, number>> = {
  'verify-email': limits.emailTokenMs,
  'change-email': limits.emailTokenMs,
  'reset-password': limits.resetTokenMs,
  'unlock-codes': limits.unlockTokenMs,
  'not-me': limits.noticeTokenMs,
};

const protective: readonly TokenPurpose[] = ['unlock-codes', 'not-me'];

/** What a token allows. */
export type TokenGrant = Readonly<Pick<AccountToken, 'purpose' | 'userId' | 'email' | 'endSessions'>>;

export function newToken(): string {
  return randomBytes(32).toString('base64url');
}

@Injectable()
@HoldsPersonalData()
export class AccountTokensService implements PersonalData {
  constructor(
    @InjectRepository(AccountToken) private readonly tokens: Repository<AccountToken>,
    private readonly transactions: Transactions,
    private readonly users: UsersService,
  ) {}

  /**
   * How many tokens of this user work for this purpose, in the transaction that issues another one. Those that work already
   * are not revoked: anybody may ask for one, and would take the link from whoever is about to use it. Infinitely many where
   * there is no such account.
   * @param isPretended whether there is no such account, and only the work is to be the same
   */
  async outstanding({ purpose, userId }: TokenGrant, manager: EntityManager, isPretended = false): Promise<number> {
    // One after the other: two requests at once must not both take the last place. And none after the account is deleted.
    if (!(await this.users.takeTurn(userId, manager)) && !isPretended) return Infinity;
    return manager.countBy(AccountToken, { userId, purpose, claimedBy: '', expiresAt: MoreThan(Date.now()) });
  }

  /**
   * Puts a new token into force, in a transaction.
   * @param isPretended as in `outstanding`: no address is kept of somebody without an account
   */
  async issue(token: string, grant: TokenGrant, manager: EntityManager, isPretended = false): Promise<void> {
    const { purpose, userId, endSessions } = grant;
    const email = isPretended ? '' : grant.email;
    const expiresAt = Date.now() + lifetimes[purpose];
    const row = { hash: hashOf(token), purpose, userId, email, endSessions, expiresAt };
    // TypeORM would read the defaults of the new row back.
    await manager.createQueryBuilder().insert().into(AccountToken).values(row).updateEntity(false).execute();
  }

  /**
   * The grant of a token, without using it up; undefined when the token is unknown, has expired or was used. A token that
   * was used with the same idempotency key is found: a repeated request then continues where the first try stopped.
   */
  async find(purpose: TokenPurpose, token: string, idempotencyKey = ''): Promise<TokenGrant | undefined> {
    const claimedBy = In(['', idempotencyKey]);
    const row = await this.transactions.statement(() =>
      this.tokens.findOneBy({ hash: hashOf(token), purpose, claimedBy, expiresAt: MoreThan(Date.now()) }),
    );
    if (!row) return undefined;
    const { userId, email, endSessions } = row;
    return { purpose, userId, email, endSessions };
  }

  /**
   * Uses a token up; undefined when it is unknown, has expired or was used. Of two requests one gets the grant. A repetition
   * with the same idempotency key gets it again, whether the cluster or a proxy repeats it.
   */
  async use(purpose: TokenPurpose, token: string, idempotencyKey: string): Promise<TokenGrant | undefined> {
    const works = { hash: hashOf(token), purpose, expiresAt: MoreThan(Date.now()) };
    const unused = { ...works, claimedBy: In(['', idempotencyKey]) };
    const { affected } = await this.transactions.statement(() =>
      this.tokens.update(unused, { claimedBy: idempotencyKey }),
    );
    return affected === 1 ? this.find(purpose, token, idempotencyKey) : undefined;
  }

  /** In a transaction: removes all tokens of the user, used or not, with the addresses that they went to. */
  async deleteOf(userId: string, manager: EntityManager): Promise<void> {
    await manager.delete(AccountToken, { userId });
  }

  /**
   * Revokes the tokens of e-mails to this user that have not been used, for one purpose or for all. Those that protect the
   * account stay: a thief who changes the password must not take them from the owner.
   */
  async revoke(userId: string, purpose?: TokenPurpose): Promise<void> {
    const purposes =
      purpose === undefined ? Not(In(protective)) : In([purpose].filter((each) => !protective.includes(each)));
    await this.transactions.statement(() => this.tokens.delete({ userId, claimedBy: '', purpose: purposes }));
  }

  /** The same for all of them. */
  async revokeAll(userId: string): Promise<void> {
    await this.transactions.statement(() => this.tokens.delete({ userId, claimedBy: '' }));
  }
}

/** A random 256-bit token needs no salt and no slow hash. */
function hashOf(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
