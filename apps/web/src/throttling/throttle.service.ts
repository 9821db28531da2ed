// Slows down who guesses passwords or opens accounts in masses. The counters are shared by all servers.
import { Injectable } from '@nestjs/common';
import { MysqlCluster, type Cluster } from '@roam/mysql-cluster';
import { RateLimiterRes } from 'rate-limiter-flexible';
import { Config } from '../config/config.js';
import { limits } from '../config/limits.js';
import { TooManyAttemptsError } from '../http/app.errors.js';
import { delayAfter, type GrowingDelay } from './growing-delay.js';
import { MysqlRateLimiter } from './mysql-rate-limiter.js';
import { accountKey, addressKey } from './subjects.js';

/** Who tries: the login name as it was typed, and where from. */
export interface Attempt {
  readonly account: string;
  readonly ip: string | undefined;
}

/** A key whose failures make the next attempt wait longer and longer. */
interface Slowed {
  readonly limiter: MysqlRateLimiter;
  readonly key: string;
  readonly delay: GrowingDelay;
}

/**
 * Three counters watch each login, so that neither guessing one account's password from everywhere nor many accounts'
 * from one place is worth while, and that nobody can keep somebody else out from one machine (OWASP ASVS 6.1.1, 6.3.1):
 * wrong passwords of an account from one address and of an account from everywhere make the next attempt wait, up to
 * `limits.throttleMaxMs`; those from one address, of whatever account, are bounded per quarter of an hour. Only failures
 * count: a login that is right the first time writes nothing.
 */
@Injectable()
export class ThrottleService {
  /** Milliseconds since 1970; for tests. */
  now: () => number = () => Date.now();

  private readonly pairs: MysqlRateLimiter;
  private readonly accounts: MysqlRateLimiter;
  private readonly addresses: MysqlRateLimiter;
  private readonly registrations: MysqlRateLimiter;
  private readonly mailsToAccount: MysqlRateLimiter;
  private readonly mailsFromAddress: MysqlRateLimiter;
  /** Attempts under way on this server, by account: many at once must not all pass before the first is counted. */
  private readonly underWay = new Map<string, number>();

  constructor(
    private readonly config: Config,
    cluster: MysqlCluster,
  ) {
    const { loginsPerAccount, loginsPerAddress, registrationsPerAddress } = config.throttle;
    const slowing = { points: loginsPerAccount, durationMs: limits.throttleMemoryMs, sliding: true };
    const limiter = (options: ConstructorParameters<typeof MysqlRateLimiter>[1]) =>
      new MysqlRateLimiter(cluster satisfies Cluster, { ...options, now: () => this.now() });
    this.pairs = limiter({ ...slowing, keyPrefix: 'login-pair' });
    this.accounts = limiter({ ...slowing, keyPrefix: 'login-account' });
    this.addresses = limiter({ keyPrefix: 'login-address', points: loginsPerAddress, durationMs: 15 * 60_000 });
    this.registrations = limiter({ keyPrefix: 'register', points: registrationsPerAddress, durationMs: 60 * 60_000 });
    this.mailsToAccount = limiter({ keyPrefix: 'mail-account', points: 5, durationMs: 60 * 60_000 });
    this.mailsFromAddress = limiter({ keyPrefix: 'mail-address', points: 50, durationMs: 60 * 60_000 });
  }

  /**
   * Lets `prove` check a password, or whatever proves who somebody is, unless too many such proofs failed. False counts
   * as a failure; what it throws is passed on and does not count.
   * @throws {TooManyAttemptsError}
   * @throws ClusterUnavailableError while the counters cannot be read or written: then nobody is let in.
   */
  async attempt<T>({ account, ip }: Attempt, prove: () => Promise<T | false>): Promise<T | false> {
    const [name, address] = [accountKey(account), addressKey(ip)];
    const { loginsPerAccount: free } = this.config.throttle;
    const steps = { firstMs: 1_000, maxMs: limits.throttleMaxMs };
    const slowed: Slowed[] = [
      { limiter: this.pairs, key: `${name}-${address}`, delay: { ...steps, free } },
      // Many more: else one guesser could make everybody else wait.
      { limiter: this.accounts, key: name, delay: { ...steps, free: 10 * free } },
    ];
    const current = this.underWay.get(name) ?? 0;
    if (current >= free) throw new TooManyAttemptsError(1_000);
    this.underWay.set(name, current + 1);
    try {
      const [fromHere, ...failures] = await Promise.all([
        this.addresses.get(address),
        ...slowed.map(({ limiter, key }) => limiter.get(key)),
      ]);
      refuse(Math.max(...slowed.map(({ delay }, i) => waitOf(failures[i] ?? null, delay, current))));
      if (fromHere && fromHere.consumedPoints >= this.addresses.points) refuse(fromHere.msBeforeNext);
      const proof = await prove();
      if (proof === false)
        await Promise.all([this.addresses.penalty(address), ...slowed.map(({ limiter, key }) => limiter.penalty(key))]);
      else await Promise.all(slowed.filter((_, i) => failures[i]).map(({ limiter, key }) => limiter.delete(key)));
      return proof;
    } finally {
      const left = (this.underWay.get(name) ?? 1) - 1;
      if (left === 0) this.underWay.delete(name);
      else this.underWay.set(name, left);
    }
  }

  /**
   * Counts one attempt to open an account, whatever comes of it: its answer tells whether an address has one.
   * @throws {TooManyAttemptsError}
   * @throws ClusterUnavailableError
   */
  async registration(ip: string | undefined): Promise<void> {
    await consume(this.registrations, addressKey(ip));
  }

  /**
   * Counts one request for a mail to `email`, whether there is such an account or not: 5 an hour to one, 50 from one place.
   * @throws {TooManyAttemptsError}
   * @throws ClusterUnavailableError
   */
  async mail(email: string, ip: string | undefined): Promise<void> {
    await consume(this.mailsFromAddress, addressKey(ip));
    await consume(this.mailsToAccount, accountKey(email));
  }

  /** Forgets an account's failures: its owner has proved who they are in another way. */
  async forget({ account, ip }: Attempt): Promise<void> {
    const name = accountKey(account);
    await Promise.all([this.accounts.delete(name), this.pairs.delete(`${name}-${addressKey(ip)}`)]);
  }
}

/** Milliseconds still to wait after the last failure; those under way count as if they had failed just now. */
function waitOf(failures: RateLimiterRes | null, delay: GrowingDelay, underWay: number): number {
  const consumed = failures?.consumedPoints ?? 0;
  if (underWay > 0 && consumed + underWay >= delay.free) return 1_000;
  const passed = failures ? limits.throttleMemoryMs - failures.msBeforeNext : 0;
  return delayAfter(consumed, delay) - passed;
}

async function consume(limiter: MysqlRateLimiter, key: string): Promise<void> {
  await limiter.consume(key).catch((refused: unknown) => {
    throw refused instanceof RateLimiterRes ? new TooManyAttemptsError(refused.msBeforeNext) : refused;
  });
}

function refuse(waitMs: number): void {
  if (waitMs > 0) throw new TooManyAttemptsError(waitMs);
}
