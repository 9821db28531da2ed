// Throttles password guessing and mass registration. All servers share the counters.
import { Injectable } from '@nestjs/common';
import { MysqlCluster, type Cluster } from '@roam/mysql-cluster';
import { PinoLogger } from 'nestjs-pino';
import { RateLimiterRes } from 'rate-limiter-flexible';
import { Config } from '../config/config.js';
import { limits } from '../config/limits.js';
import { TooManyAttemptsError } from '../http/app.errors.js';
import { KeyedSemaphore } from '../http/keyed-semaphore.js';
import { delayAfter, type GrowingDelay } from './growing-delay.js';
import { MysqlRateLimiter } from './mysql-rate-limiter.js';
import { accountKey, addressKey } from './subjects.js';

/** The login name as the user entered it, and the address of the client. */
export interface Attempt {
  readonly account: string;
  readonly ip: string | undefined;
}

/** The number of rows that count the registrations of one address, and of accounts that are opened at the same time. */
const REGISTRATION_ROWS = 8;

/** A counter of failures, and the delay that it causes. */
interface DelayedCounter {
  readonly limiter: MysqlRateLimiter;
  readonly key: string;
  readonly delay: GrowingDelay;
}

/**
 * Three counters watch each sign-in. Guessing is not worthwhile, neither of one account's password from many addresses
 * nor of many accounts' from one, and nobody can lock somebody else out (OWASP ASVS 6.1.1, 6.3.1).
 * - Wrong passwords of an account from one address delay the next attempt, up to `limits.throttleMaxMs`.
 * - Ten times as many of an account from all addresses delay it too, up to `limits.throttleAccountMaxMs`.
 * - Wrong passwords from one address, for any account, are bounded per quarter of an hour.
 * Only failures count: a sign-in that is right the first time writes nothing.
 *
 * Parallel attempts gain nothing: those of an account from one address wait for each other, so that each sees the
 * result of the one before. Each server has semaphores of its own, so a guesser may have one more try per further
 * server; it counts like all others.
 */
@Injectable()
export class ThrottleService {
  /** Milliseconds since 1970; for tests. */
  now: () => number = () => Date.now();

  private readonly pairs: MysqlRateLimiter;
  private readonly accounts: MysqlRateLimiter;
  private readonly addresses: MysqlRateLimiter;
  private readonly registrations: MysqlRateLimiter;
  private readonly mailsByPair: MysqlRateLimiter;
  private readonly mailsToAccount: MysqlRateLimiter;
  private readonly mailsFromAddress: MysqlRateLimiter;
  /** Less than all running requests: a flood of sign-ins leaves room for others. */
  private readonly pairSemaphore = new KeyedSemaphore({
    permits: 1,
    maxWaiting: 32,
    capacity: 0.75 * limits.runningRequests,
  });
  private readonly registrationSemaphore = new KeyedSemaphore({
    permits: REGISTRATION_ROWS,
    maxWaiting: limits.waitingRequests,
    capacity: Infinity,
  });
  private readonly accountSemaphore = new KeyedSemaphore({ permits: 5, maxWaiting: 32, capacity: Infinity });

  constructor(
    private readonly config: Config,
    cluster: MysqlCluster,
    private readonly logger: PinoLogger,
  ) {
    const { loginsPerAccount, loginsPerAddress, registrationsPerAddress, mailsPerAddress } = config.throttle;
    const slowing = { points: loginsPerAccount, durationMs: limits.throttleMemoryMs, sliding: true };
    const limiter = (options: ConstructorParameters<typeof MysqlRateLimiter>[1]) =>
      new MysqlRateLimiter(cluster satisfies Cluster, { ...options, now: () => this.now() });
    const mails = (keyPrefix: string, points: number) =>
      limiter({ keyPrefix, points, durationMs: limits.throttleMailsMs });
    this.pairs = limiter({ ...slowing, keyPrefix: 'login-pair' });
    this.accounts = limiter({ ...slowing, keyPrefix: 'login-account' });
    this.addresses = limiter({
      keyPrefix: 'login-address',
      points: loginsPerAddress,
      durationMs: limits.throttleLoginsMs,
    });
    this.registrations = limiter({
      keyPrefix: 'register',
      points: registrationsPerAddress,
      durationMs: limits.throttleRegistrationsMs,
      // Many users share one address: offices, and all users behind a proxy that hides addresses.
      rows: REGISTRATION_ROWS,
    });
    this.mailsByPair = mails('mail-pair', 5);
    this.mailsToAccount = mails('mail-account', 30);
    this.mailsFromAddress = mails('mail-address', mailsPerAddress);
  }

  /**
   * Runs `prove`, which checks a password or another proof of identity, unless too many such proofs failed. False
   * counts as a failure; an error is passed on and does not count.
   * @throws {TooManyAttemptsError}
   * @throws {OverloadedError} when too many wait
   * @throws ClusterUnavailableError while the counters cannot be read or written: then nobody can sign in.
   */
  attempt<T>({ account, ip }: Attempt, prove: () => Promise<T | false>): Promise<T | false> {
    const [name, address] = [accountKey(account), addressKey(ip)];
    const pair = pairKey(name, address);
    return this.pairSemaphore.run(pair, () =>
      this.accountSemaphore.run(name, () => this.attemptNow({ name, address, pair }, prove)),
    );
  }

  private async attemptNow<T>(
    { name, address, pair }: { name: string; address: string; pair: string },
    prove: () => Promise<T | false>,
  ): Promise<T | false> {
    const { loginsPerAccount: free } = this.config.throttle;
    const firstMs = limits.throttleFirstMs;
    const slowed: DelayedCounter[] = [
      { limiter: this.pairs, key: pair, delay: { free, firstMs, maxMs: limits.throttleMaxMs } },
      // Many more: otherwise one guesser could delay all others.
      { limiter: this.accounts, key: name, delay: { free: 10 * free, firstMs, maxMs: limits.throttleAccountMaxMs } },
    ];
    const [fromHere, ...failures] = await Promise.all([
      this.addresses.get(address),
      ...slowed.map(({ limiter, key }) => limiter.get(key)),
    ]);
    refuse(Math.max(...slowed.map(({ delay }, i) => waitOf(failures[i] ?? null, delay))));
    refuseIfUsedUp(this.addresses, fromHere);
    const proof = await prove();
    if (proof === false)
      await Promise.all([this.addresses.penalty(address), ...slowed.map(({ limiter, key }) => limiter.penalty(key))]);
    else this.clear(slowed.filter((_, i) => failures[i]));
    return proof;
  }

  /**
   * Runs `open`, which opens an account, unless there were too many attempts from this address. Each attempt counts,
   * even a failed one, since its answer shows whether an address has an account. It is counted at the same time, since
   * two parallel commits take no longer than one: the limit may be exceeded by the number of permits.
   * @throws {TooManyAttemptsError}
   * @throws {OverloadedError} when too many wait
   * @throws ClusterUnavailableError while the counter cannot be read or written; an account may have been opened then.
   */
  registration<T>(ip: string | undefined, open: () => Promise<T>): Promise<T> {
    const address = addressKey(ip);
    return this.registrationSemaphore.run(address, async () => {
      refuseIfUsedUp(this.registrations, await this.registrations.get(address));
      const counted = this.registrations.penalty(address);
      const opened = open();
      await Promise.allSettled([counted, opened]);
      await counted;
      return opened;
    });
  }

  /**
   * Counts one request for an e-mail to `email`, whether there is such an account or not: 5 an hour to one account from
   * one address, 30 from all addresses, and 50 from one address to any account (`THROTTLE_MAILS_PER_ADDRESS`).
   * @throws {TooManyAttemptsError}
   * @throws ClusterUnavailableError
   */
  async mail(email: string, ip: string | undefined): Promise<void> {
    const [name, address] = [accountKey(email), addressKey(ip)];
    // A refused request must not count for everybody.
    await consume(this.mailsByPair, pairKey(name, address));
    await consume(this.mailsFromAddress, address);
    await consume(this.mailsToAccount, name);
  }

  /** Resets the failures of an account: its owner has proved the identity in another way. Returns at once. */
  forget({ account, ip }: Attempt): void {
    const name = accountKey(account);
    this.clear([
      { limiter: this.accounts, key: name },
      { limiter: this.pairs, key: pairKey(name, addressKey(ip)) },
    ]);
  }

  /**
   * In the background: the request was right and must not fail because of it. A count that remains only delays a later
   * attempt.
   */
  private clear(counters: readonly Pick<DelayedCounter, 'limiter' | 'key'>[]): void {
    Promise.all(counters.map(({ limiter, key }) => limiter.delete(key))).catch((error: unknown) =>
      this.logger.warn(
        { err: error },
        'could not reset the failed-attempt counters of an account: its next attempt may have to wait',
      ),
    );
  }
}

function pairKey(name: string, address: string): string {
  return `${name}-${address}`;
}

/** Milliseconds still to wait after the last failure. */
function waitOf(failures: RateLimiterRes | null, delay: GrowingDelay): number {
  if (!failures) return 0;
  const passed = limits.throttleMemoryMs - failures.msBeforeNext;
  return delayAfter(failures.consumedPoints, delay) - passed;
}

async function consume(limiter: MysqlRateLimiter, key: string): Promise<void> {
  await limiter.consume(key).catch((refused: unknown) => {
    throw refused instanceof RateLimiterRes ? new TooManyAttemptsError(refused.msBeforeNext) : refused;
  });
}

/** Refuses if all points are used up. */
function refuseIfUsedUp({ points }: MysqlRateLimiter, counted: RateLimiterRes | null): void {
  if (counted && counted.consumedPoints >= points) refuse(counted.msBeforeNext);
}

function refuse(waitMs: number): void {
  if (waitMs > 0) throw new TooManyAttemptsError(waitMs);
}
