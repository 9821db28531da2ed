// A person with an account.
import { Column, Entity, PrimaryColumn } from 'typeorm';

export type Role = 'admin';

@Entity('users')
export class User {
  /** Made by the web server, so that a repeated insert finds its own row. */
  @PrimaryColumn({ type: 'char', length: 36 })
  id!: string;

  /** In canonical form (`email.ts`); unique. */
  @Column({ type: 'varchar', length: 254 })
  email!: string;

  @Column({ type: 'varchar', length: 100 })
  name!: string;

  @Column({ name: 'password_hash', type: 'varchar', length: 255 })
  passwordHash!: string;

  @Column({ type: 'json' })
  roles!: Role[];

  /** Since when a mail has proved that the address is right; null while it has not. */
  @Column({ name: 'email_verified_at', type: 'datetime', precision: 3, nullable: true })
  emailVerifiedAt!: Date | null;

  @Column({ name: 'created_at', type: 'datetime', precision: 3 })
  createdAt!: Date;
}

/** What the user themself, and the session, may hold. */
export interface PublicUser {
  readonly id: string;
  readonly email: string;
  readonly name: string;
  readonly roles: readonly Role[];
}

export function publicUser({ id, email, name, roles }: User): PublicUser {
  return { id, email, name, roles };
}
