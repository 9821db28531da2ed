// Finds the account of an address, in whatever way the address is written.
import { In, type Repository } from 'typeorm';
import { storedForms } from './email.js';
import type { User } from './user.entity.js';

/** One statement. An account that was opened with the very address comes before the one of the mailbox. */
export async function findByEmail(users: Repository<User>, email: string): Promise<User | null> {
  const forms = storedForms(email);
  const found = await users.findBy({ email: In(forms) });
  return found.find((user) => user.email === forms[0]) ?? found[0] ?? null;
}
