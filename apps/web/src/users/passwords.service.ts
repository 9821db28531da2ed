// Hashes and checks passwords with argon2id, a few at a time, so that hashing never starves the server.
import { Injectable } from '@nestjs/common';
import { hash, verify } from '@node-rs/argon2';
import { availableParallelism } from 'node:os';
import { InvalidInputError } from '../http/app.errors.js';
import { Line, unlessFrozen } from '../http/line.js';
import { BreachedPasswords } from './breached-passwords.js';
import { hasPasswordLength, normalizedPassword } from './password-policy.js';

/** OWASP Password Storage Cheat Sheet: argon2id (the package's default), m = 19 MiB, t = 2, p = 1. */
const parameters = { memoryCost: 19_456, timeCost: 2, parallelism: 1 };
/** How every hash with these parameters begins. */
const current = `$argon2id$v=19$m=${parameters.memoryCost},t=${parameters.timeCost},p=${parameters.parallelism}$`;

@Injectable()
export class PasswordsService {
  /**
   * libuv has four threads for everybody; two always stay free for files and name look-ups. More than 64 could not have
   * their turn in time: they are refused at once, and leave room for other requests.
   */
  private readonly line = new Line(Math.min(2, availableParallelism()), 64);
  private dummy: Promise<string> | undefined;

  constructor(private readonly breached: BreachedPasswords) {}

  /**
   * The hash of a password that somebody chooses, unless it is known from a breach.
   * @throws {InvalidInputError}
   * @throws {OverloadedError} when too many are waiting
   */
  async hashNew(password: string): Promise<string> {
    // At the same time: a service that does not answer takes most of the time that a request has.
    const [passwordHash, isBreached] = await unlessFrozen(() =>
      Promise.all([this.hash(password), this.breached.has(normalizedPassword(password))]),
    );
    if (isBreached)
      throw new InvalidInputError({
        password: 'This password is known from a breach of some site. Choose another one.',
      });
    return passwordHash;
  }

  /** @throws {OverloadedError} when too many are waiting */
  hash(password: string): Promise<string> {
    return this.line.inTurn(() => hash(normalizedPassword(password), parameters));
  }

  /** Whether the hash was made with other parameters than are in use now: hash again, at the next login. */
  isOutdated(passwordHash: string): boolean {
    return !passwordHash.startsWith(current);
  }

  /**
   * Whether the password belongs to the hash. Without a hash (an unknown user) the answer is false after the same work.
   * A password of a length that none has is refused without work.
   * @throws {OverloadedError} when too many are waiting
   */
  async verify(passwordHash: string | undefined, password: string): Promise<boolean> {
    if (!hasPasswordLength(password)) return false;
    this.dummy ??= hash('nobody has this password', parameters);
    const against = passwordHash ?? (await this.dummy);
    const matches = await this.line.inTurn(() => verify(against, normalizedPassword(password)));
    return matches && passwordHash !== undefined;
  }
}
