// Hashes and checks passwords with argon2id, a few at a time, so that hashing never blocks the server.
import { Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { availableParallelism } from 'node:os';
import { Piscina } from 'piscina';
import { limits } from '../config/limits.js';
import { InvalidInputError } from '../http/app.errors.js';
import { rejectIfLate } from '../http/reject-if-late.js';
import { Semaphore } from '../http/semaphore.js';
import { withTimeout } from '../lifecycle/with-timeout.js';
import { BreachedPasswords } from './breached-passwords.js';
import { hasPasswordLength, normalizedPassword } from './password-policy.js';

/** OWASP Password Storage Cheat Sheet: argon2id (the package's default), m = 19 MiB, t = 2, p = 1. */
const parameters = { memoryCost: 19_456, timeCost: 2, parallelism: 1 };
/** The beginning of every hash with these parameters. */
const current = `$argon2id$v=19$m=${parameters.memoryCost},t=${parameters.timeCost},p=${parameters.parallelism}$`;

/** Hashes that run at once: more would only wait for each other's memory. */
const threadCount = Math.min(2, availableParallelism());

@Injectable()
export class PasswordsService implements OnApplicationBootstrap, OnApplicationShutdown {
  /**
   * Separate threads with a lower priority: on libuv's, which have the priority of the event loop, a flood of sign-ins
   * made all other requests three times as slow (`npm run bench -- --logins`).
   */
  private readonly threads = new Piscina({
    filename: new URL('hashing.js', import.meta.url).href,
    minThreads: threadCount,
    maxThreads: threadCount,
    niceIncrement: 5,
    // What the server was told to load before the app (a tracer, say) would load the app again in each thread.
    execArgv: [],
  });
  /** More than 64 would not get a permit in time: they are refused at once, which leaves room for other requests. */
  private readonly semaphore = new Semaphore(threadCount, 64);
  private dummy: Promise<string> | undefined;

  constructor(private readonly breached: BreachedPasswords) {}

  /**
   * The hash of a new password, unless it is known from a breach.
   * @throws {InvalidInputError}
   * @throws {OverloadedError} when too many are waiting
   */
  async hashNew(password: string): Promise<string> {
    // In parallel: a service that does not answer uses most of the time that a request has.
    const [passwordHash, isBreached] = await rejectIfLate(() =>
      Promise.all([this.hash(password), this.breached.has(normalizedPassword(password))]),
    );
    if (isBreached)
      throw new InvalidInputError({
        password: 'This password has appeared in a data breach. Choose another one.',
      });
    return passwordHash;
  }

  /** @throws {OverloadedError} when too many are waiting */
  hash(password: string): Promise<string> {
    return this.semaphore.run(() => this.hashNow(normalizedPassword(password)));
  }

  /** Whether the hash was made with outdated parameters: hash again at the next sign-in. */
  isOutdated(passwordHash: string): boolean {
    return !passwordHash.startsWith(current);
  }

  /**
   * Whether the password matches the hash. Without a hash (an unknown user) the answer is false after the same work. A
   * password of a length that no password has is refused without work.
   * @throws {OverloadedError} when too many are waiting
   */
  async verify(passwordHash: string | undefined, password: string): Promise<boolean> {
    if (!hasPasswordLength(password)) return false;
    this.dummy ??= this.hashNow('nobody has this password');
    const against = passwordHash ?? (await this.dummy);
    const task = { passwordHash: against, password: normalizedPassword(password) };
    const matches = await this.semaphore.run<boolean>(() => this.threads.run(task, { name: 'verify' }));
    return matches && passwordHash !== undefined;
  }

  /** So that the first sign-ins wait neither for the threads nor for the hash in place of unknown users. */
  async onApplicationBootstrap(): Promise<void> {
    const tries = Array.from({ length: threadCount }, () => this.verify(undefined, 'a password of nobody'));
    // On an overloaded machine this waits. Without threads the server could sign nobody in.
    await withTimeout(limits.startMs / 2, 'the threads that hash passwords', Promise.allSettled(tries));
  }

  async onApplicationShutdown(): Promise<void> {
    await this.threads.destroy();
  }

  private hashNow(password: string): Promise<string> {
    return this.threads.run({ password, parameters }, { name: 'hash' });
  }
}
