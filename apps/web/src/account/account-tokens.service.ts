// The tokens in e-mails: random, for one purpose, for a short time, used once. Only their hashes are stored.
import { Injectable } from '@nestjs/common';
import { MysqlCluster } from '@roam/mysql-cluster';
import type { RowDataPacket } from 'mysql2';
import { createHash, randomBytes } from 'node:crypto';
import type { EntityManager } from 'typeorm';
import { limits } from '../config/limits.js';
import { UsersService } from '../users/users.service.js';
import { HoldsPersonalData, type PersonalData } from '../users/personal-data.js';

export type TokenPurpose = 'verify-email' | 'change-email' | 'reset-password' | 'unlock-codes' | 'not-me';

/** How long each token works, in milliseconds (OWASP ASVS 6.5.5 for tokens that set a password). */
const lifetimes: Readonly<Record<TokenPurpose, number>> = {
  'verify-email': limits.emailTokenMs,
  'change-email': limits.emailTokenMs,
  'reset-password': limits.resetTokenMs,
  'unlock-codes': limits.unlockTokenMs,
  'not-me': limits.noticeTokenMs,
};

const protective = "'unlock-codes', 'not-me'";

/** What a token allows. */
export interface TokenGrant {
  readonly purpose: TokenPurpose;
  readonly userId: string;
  /** The address that the mail went to. */
  readonly email: string;
  readonly endSessions: boolean;
}

export function newToken(): string {
  return randomBytes(32).toString('base64url');
}

@Injectable()
@HoldsPersonalData()
export class AccountTokensService implements PersonalData {
  constructor(
    private readonly cluster: MysqlCluster,
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
    const [{ count }] = await manager.query<{ count: number }[]>(
      `SELECT COUNT(*) AS count FROM account_tokens
       WHERE user_id = ? AND purpose = ? AND claimed_by = '' AND expires_at > ?`,
      [userId, purpose, Date.now()],
    );
    return Number(count);
  }

  /**
   * Puts a new token into force, in a transaction.
   * @param isPretended as in `outstanding`: no address is kept of somebody without an account
   */
  async issue(token: string, grant: TokenGrant, manager: EntityManager, isPretended = false): Promise<void> {
    const { purpose, userId, endSessions } = grant;
    const email = isPretended ? '' : grant.email;
    await manager.query(
      `INSERT INTO account_tokens (hash, purpose, user_id, email, end_sessions, expires_at) VALUES (?, ?, ?, ?, ?, ?)`,
      [hashOf(token), purpose, userId, email, endSessions, Date.now() + lifetimes[purpose]],
    );
  }

  /**
   * The grant of a token, without using it up; undefined when the token is unknown, has expired or was used. A token that
   * was used with the same idempotency key is found: a repeated request then continues where the first try stopped.
   */
  async find(purpose: TokenPurpose, token: string, idempotencyKey = ''): Promise<TokenGrant | undefined> {
    const [row] = await this.cluster.read<RowDataPacket>(
      `SELECT user_id AS userId, email, end_sessions AS endSessions FROM account_tokens
       WHERE hash = ? AND purpose = ? AND claimed_by IN ('', ?) AND expires_at > ?`,
      [hashOf(token), purpose, idempotencyKey, Date.now()],
    );
    if (!row) return undefined;
    const { userId, email, endSessions } = row as { userId: string; email: string; endSessions: number };
    return { purpose, userId, email, endSessions: endSessions === 1 };
  }

  /**
   * Uses a token up; undefined when it is unknown, has expired or was used. Of two requests one gets the grant. A repetition
   * with the same idempotency key gets it again, whether the cluster or a proxy repeats it.
   */
  async use(purpose: TokenPurpose, token: string, idempotencyKey: string): Promise<TokenGrant | undefined> {
    const { affectedRows } = await this.cluster.write(
      `UPDATE account_tokens SET claimed_by = ?
       WHERE hash = ? AND purpose = ? AND expires_at > ? AND (claimed_by = '' OR claimed_by = ?)`,
      [idempotencyKey, hashOf(token), purpose, Date.now(), idempotencyKey],
    );
    return affectedRows > 0 ? this.find(purpose, token, idempotencyKey) : undefined;
  }

  /** In a transaction: removes all tokens of the user, used or not, with the addresses that they went to. */
  async deleteOf(userId: string, manager: EntityManager): Promise<void> {
    await manager.query('DELETE FROM account_tokens WHERE user_id = ?', [userId]);
  }

  /**
   * Revokes the tokens of e-mails to this user that have not been used, for one purpose or for all. Those that protect the
   * account stay: a thief who changes the password must not take them from the owner.
   */
  async revoke(userId: string, purpose?: TokenPurpose): Promise<void> {
    await this.cluster.write(
      `DELETE FROM account_tokens WHERE user_id = ? AND claimed_by = '' AND purpose = COALESCE(?, purpose)
       AND purpose NOT IN (${protective})`,
      [userId, purpose ?? null],
    );
  }

  /** The same for all of them. */
  async revokeAll(userId: string): Promise<void> {
    await this.cluster.write("DELETE FROM account_tokens WHERE user_id = ? AND claimed_by = ''", [userId]);
  }
}

/** A random 256-bit token needs no salt and no slow hash. */
function hashOf(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
