// A user: a person with an account.
import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import { ascii } from '../database/columns.js';

export type Role = 'admin';

/** The fields of a user without an authenticator app. */
export const withoutTotp = { totpSecret: null, totpSince: null, totpStep: 0 };

@Entity('users')
export class User {
  /** Created by the web server, so that a repeated insert finds its own row. */
  @PrimaryColumn({ type: 'char', length: 36, ...ascii })
  id!: string;

  /** In canonical form (`email.ts`); unique. */
  @Index('users_email', { unique: true })
  @Column({ type: 'varchar', length: 254, charset: 'utf8mb4', collation: 'utf8mb4_bin' })
  email!: string;

  @Column({ type: 'varchar', length: 100 })
  name!: string;

  /** Only `UsersService.findWithSecrets` reads it. */
  @Column({ name: 'password_hash', type: 'varchar', length: 255, select: false, ...ascii })
  passwordHash?: string;

  @Column({ type: 'json' })
  roles!: Role[];

  /** When an e-mail confirmed the address; null before. */
  @Column({ name: 'email_verified_at', type: 'datetime', precision: 3, nullable: true })
  emailVerifiedAt!: Date | null;

  /** The encrypted secret of an authenticator app; null without one. Only `UsersService.findWithSecrets` reads it. */
  @Column({ name: 'totp_secret', type: 'varbinary', length: 64, nullable: true, select: false })
  totpSecret?: Buffer | null;

  /** When the authenticator app was set up; null without one. */
  @Column({ name: 'totp_since', type: 'datetime', precision: 3, nullable: true })
  totpSince!: Date | null;

  /** The last time step whose code was used. */
  @Column({ name: 'totp_step', type: 'int', unsigned: true, default: 0 })
  totpStep!: number;

  /** The idempotency key of the request that used it. */
  @Column({ name: 'totp_used_by', type: 'varchar', length: 64, default: '', select: false, ...ascii })
  totpUsedBy?: string;

  /** When the account was deactivated; null while it is active. */
  @Column({ name: 'deactivated_at', type: 'datetime', precision: 3, nullable: true })
  deactivatedAt!: Date | null;

  /** Raised by `UsersService.takeTurn`. */
  @Column({ type: 'bigint', unsigned: true, default: 0, select: false })
  turn?: number;

  @Column({ name: 'created_at', type: 'datetime', precision: 3 })
  createdAt!: Date;

  /** Whatever turns an account into JSON, such as a session, an answer or a log, gets none of its secrets. */
  toJSON(): PublicUser {
    return publicUser(this);
  }
}

/** A user whose identity is to be proved. */
export type UserWithSecrets = User & Required<Pick<User, 'passwordHash' | 'totpSecret'>>;

export function hasSecrets(user: User): user is UserWithSecrets {
  return user.passwordHash !== undefined;
}

/** The fields of a user that the API shows to the user. */
export interface PublicUser {
  readonly id: string;
  readonly email: string;
  readonly name: string;
  readonly roles: readonly Role[];
}

export function publicUser({ id, email, name, roles }: PublicUser): PublicUser {
  return { id, email, name, roles };
}
