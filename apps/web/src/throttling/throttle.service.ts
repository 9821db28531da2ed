// Throttles password guessing and mass registration. All servers share the counters.
import { Injectable } from '@nestjs/common';
import { MysqlCluster, type Cluster } from '@roam/mysql-cluster';
import { PinoLogger } from 'nestjs-pino';
import { randomUUID } from 'node:crypto';
import { RateLimiterRes } from 'rate-limiter-flexible';
import { Config } from '../config/config.js';
import { limits } from '../config/limits.js';
import { TooManyAttemptsError } from '../http/app.errors.js';
import { KeyedSemaphore } from '../http/keyed-semaphore.js';
import { delayAfter, type GrowingDelay } from './growing-delay.js';
import { MysqlRateLimiter } from './mysql-rate-limiter.js';
import { roomKey } from '../http/subjects.js';
import { accountKey } from '../users/account-key.js';

export interface Attempt {
  /** The login name as the user entered it. */
  readonly account: string;
  /** The client's address. */
  readonly ip: string | undefined;
  /**
   * The browser, where it has signed in to the account before, or the session of the signed-in user (`KnownDevices`): no
   * stranger's attempt counts for it.
   */
  readonly device?: string | undefined;
  /** The user, where `account` is no login name; for the audit log. */
  readonly userId?: string;
  /** Whether something else bounds what all strangers together may try. */
  readonly isBoundedElsewhere?: boolean;
  /** Whether the account was signed in to from this address; asked before a stranger is refused only. */
  readonly isKnownAddress?: () => Promise<boolean>;
}

/** The number of rows that count the registrations of one address, and of accounts that are opened at the same time. */
const REGISTRATION_ROWS = 8;

/** For the owner on a new device, while strangers have used up what they may try. */
const wayOut =
  'If this is your account, you need not wait: choose "Forgot your password?" and set a new password by the link in the e-mail.';

/** One attempt's counters, by their keys. */
interface Subject {
  readonly name: string;
  readonly address: string;
  /** The account together with the device or, where none is known, the address. */
  readonly own: string;
  readonly isDevice: boolean;
  readonly isBoundedElsewhere: boolean;
  readonly isKnownAddress: Attempt['isKnownAddress'];
}

/**
 * Guessing is not worthwhile, neither of one account's password from many addresses nor of many accounts' from one, and nobody
 * can lock somebody else out (OWASP ASVS 6.1.1, 6.3.1).
 * - Wrong passwords of an account from one device or address delay its next attempt, up to `limits.throttleMaxMs`.
 * - Strangers' wrong passwords of an account are bounded per day, all together. Nobody can renew that by trying again, and it
 *   does not hold for a device that has signed in to the account, nor for an address that has, within a bound of its own.
 *   A part of it is for the first tries of addresses: a new device of the owner has a turn while others guess.
 * - Wrong passwords from one address, for any account, are bounded per quarter of an hour.
 * A sign-in that is right the first time writes nothing.
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
  private readonly strangers: MysqlRateLimiter;
  private readonly addresses: MysqlRateLimiter;
  private readonly registrations: MysqlRateLimiter;
  private readonly deviceNotices: MysqlRateLimiter;
  private readonly mailsByPair: MysqlRateLimiter;
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
    const limiter = (options: ConstructorParameters<typeof MysqlRateLimiter>[1]) =>
      new MysqlRateLimiter(cluster satisfies Cluster, { ...options, now: () => this.now() });
    const mails = (keyPrefix: string, points: number) =>
      limiter({ keyPrefix, points, durationMs: limits.throttleMailsMs });
    const dayMs = limits.throttleMemoryMs;
    this.pairs = limiter({ points: loginsPerAccount, durationMs: dayMs, sliding: true, keyPrefix: 'login-pair' });
    this.strangers = limiter({ points: limits.strangersPerDay, durationMs: dayMs, keyPrefix: 'login-strangers' });
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
    this.deviceNotices = limiter({
      keyPrefix: 'device-notice',
      points: limits.newDeviceMailsPerDay,
      durationMs: dayMs,
    });
    this.mailsByPair = mails('mail-pair', 5);
    this.mailsFromAddress = mails('mail-address', mailsPerAddress);
  }

  /**
   * Runs `prove`, which checks a password or another proof of identity, unless too many such proofs failed. False
   * counts as a failure; an error is passed on and does not count.
   * @throws {TooManyAttemptsError}
   * @throws {OverloadedError} when too many wait
   * @throws ClusterUnavailableError while the counters cannot be read or written: then nobody can sign in.
   */
  attempt<T>(attempt: Attempt, prove: () => Promise<T | false>): Promise<T | false> {
    const subject = this.subjectOf(attempt);
    return this.pairSemaphore
      .run(subject.own, () => this.accountSemaphore.run(subject.name, () => this.attemptNow(subject, prove)))
      .catch(concerning(attempt));
  }

  private async attemptNow<T>(
    { name, address, own, isDevice, isBoundedElsewhere, isKnownAddress }: Subject,
    prove: () => Promise<T | false>,
  ): Promise<T | false> {
    const { pairs, addresses, strangers } = this;
    const [failures, fromHere, tried] = await Promise.all([
      pairs.get(own),
      isDevice ? null : addresses.get(address),
      isDevice || isBoundedElsewhere ? null : strangers.get(name),
    ]);
    const { loginsPerAccount: free } = this.config.throttle;
    refuse(waitOf(failures, { free, firstMs: limits.throttleFirstMs, maxMs: limits.throttleMaxMs }));
    refuseIfUsedUp(addresses, fromHere);
    const tries = failures?.consumedPoints ?? 0;
    const isUsedUp = (tried?.consumedPoints ?? 0) >= strangersLimit(tries);
    if (isUsedUp && !(tries < limits.knownAddressTries && (await isKnownAddress?.())))
      refuse(tried!.msBeforeNext, wayOut);
    const proof = await prove();
    if (proof === false)
      await Promise.all([
        pairs.penalty(own),
        isDevice ? undefined : addresses.penalty(address),
        isDevice || isBoundedElsewhere ? undefined : strangers.penalty(name),
      ]);
    else if (failures) this.inBackground(pairs.delete(own));
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
    // Nothing of a registration is known to be its own: chance divides those of a shared address.
    const address = roomKey(ip, this.config.throttle.sharedAddresses, randomUUID());
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
   * Counts one request for an e-mail to an account, whether there is one or not: 5 an hour from one device that has signed in
   * to it or from one address, and 50 from one address to any account (`THROTTLE_MAILS_PER_ADDRESS`). What all addresses together ask for
   * is bounded where the mail is made (`limits.outstandingTokens`): no stranger's request refuses the owner's.
   * @throws {TooManyAttemptsError}
   * @throws ClusterUnavailableError
   */
  async mail(request: Attempt): Promise<void> {
    const { own, address, isDevice } = this.subjectOf(request);
    await consume(this.mailsByPair, own).catch(concerning(request));
    if (!isDevice) await consume(this.mailsFromAddress, address).catch(concerning(request));
  }

  /** Counts one mail about a new device of this user; false where there were enough today. */
  async mayTellOfDevice(userId: string): Promise<boolean> {
    return consume(this.deviceNotices, accountKey(userId)).then(
      () => true,
      (error: unknown) => {
        if (error instanceof TooManyAttemptsError) return false;
        throw error;
      },
    );
  }

  /** Resets the failures of an account: its owner has proved the identity in another way. Returns at once. */
  forget(attempt: Attempt): void {
    const { name, own } = this.subjectOf(attempt);
    this.inBackground(Promise.all([this.strangers.delete(name), this.pairs.delete(own)]));
  }

  private subjectOf({ account, ip, device, isBoundedElsewhere = false, isKnownAddress }: Attempt): Subject {
    const name = accountKey(account);
    const address = roomKey(ip, this.config.throttle.sharedAddresses, name);
    const isDevice = device !== undefined;
    const own = pairKey(name, isDevice ? `device-${device}` : address);
    return { name, address, own, isDevice, isBoundedElsewhere, isKnownAddress };
  }

  /** The request was right and must not fail because of it. A count that remains only delays a later attempt. */
  private inBackground(work: Promise<unknown>): void {
    work.catch((error: unknown) =>
      this.logger.warn(
        { err: error },
        'could not update the attempt counters of an account: its next attempt may have to wait',
      ),
    );
  }
}

/** How many wrong passwords of all strangers may be counted today before one with so many of its own is refused. */
function strangersLimit(tries: number): number {
  return limits.strangersPerDay + (tries < limits.firstTries ? limits.firstTriesPerDay : 0);
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

/** Says whom a refusal is about. */
function concerning({ account, userId }: Attempt): (error: unknown) => never {
  return (error) => {
    throw error instanceof TooManyAttemptsError && error.whom.userId === undefined
      ? error.concerning(userId === undefined ? { email: account } : { userId })
      : error;
  };
}

/** Refuses if all points are used up. */
function refuseIfUsedUp({ points }: MysqlRateLimiter, counted: RateLimiterRes | null): void {
  if (counted && counted.consumedPoints >= points) refuse(counted.msBeforeNext);
}

function refuse(waitMs: number, instead?: string): void {
  if (waitMs > 0) throw new TooManyAttemptsError(waitMs, instead);
}
