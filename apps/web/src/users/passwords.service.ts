// Hashes and checks passwords with argon2id, a few at a time, so that hashing never starves the server.
import { Injectable } from '@nestjs/common';
import { hash, verify } from '@node-rs/argon2';
import { availableParallelism } from 'node:os';
import { limits } from '../config/limits.js';
import { OverloadedError } from '../http/app.errors.js';
import { hasPasswordLength, normalizedPassword } from './password-policy.js';

/** OWASP Password Storage Cheat Sheet: argon2id (the package's default), m = 19 MiB, t = 2, p = 1. */
const parameters = { memoryCost: 19_456, timeCost: 2, parallelism: 1 };
/** How every hash with these parameters begins. */
const current = `$argon2id$v=19$m=${parameters.memoryCost},t=${parameters.timeCost},p=${parameters.parallelism}$`;

@Injectable()
export class PasswordsService {
  /** libuv has four threads for everybody; two always stay free for files and name look-ups. */
  private readonly concurrency = Math.min(2, availableParallelism());
  private readonly maxWaitMs = 1_000;
  /** More than can have their turn within that time is refused at once, and leaves room for other requests. */
  private readonly maxWaiting = 64;
  private running = 0;
  private readonly waiting: (() => void)[] = [];
  private dummy: Promise<string> | undefined;

  /** @throws {OverloadedError} when too many are waiting */
  hash(password: string): Promise<string> {
    return this.inTurn(() => hash(normalizedPassword(password), parameters));
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
    const matches = await this.inTurn(() => verify(against, normalizedPassword(password)));
    return matches && passwordHash !== undefined;
  }

  private async inTurn<T>(work: () => Promise<T>): Promise<T> {
    const askedAt = performance.now();
    if (this.running >= this.concurrency) await this.turn();
    else this.running += 1;
    try {
      const done = await work();
      // After a standstill of this process nobody waits for it any more, and nothing may come of it.
      if (performance.now() - askedAt > limits.frozenMs) throw new OverloadedError();
      return done;
    } finally {
      const next = this.waiting.shift();
      if (next) next();
      else this.running -= 1;
    }
  }

  /** Resolves when a running one hands its place over. */
  private turn(): Promise<void> {
    if (this.waiting.length >= this.maxWaiting) throw new OverloadedError();
    return new Promise((resolve, reject) => {
      const take = () => {
        clearTimeout(timer);
        resolve();
      };
      const timer = setTimeout(() => {
        this.waiting.splice(this.waiting.indexOf(take), 1);
        reject(new OverloadedError());
      }, this.maxWaitMs);
      this.waiting.push(take);
    });
  }
}
