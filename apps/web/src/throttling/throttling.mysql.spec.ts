// Throttling over three writable MySQL servers and two web servers: shared counters, growing delays, and a lost node.
import { afterAll, afterEach, beforeAll, expect, it, jest } from '@jest/globals';
import { startDatabases, type Databases } from '@roam/local-stack';
import type { MysqlCluster } from '@roam/mysql-cluster';
import { randomUUID } from 'node:crypto';
import type { PinoLogger } from 'nestjs-pino';
import { pino } from 'pino';
import { parseSettings } from '../config/parse-settings.js';
import { limits } from '../config/limits.js';
import { connectCluster } from '../database/connect.js';
import { migrate } from '../database/migrate.js';
import { migrations } from '../features.js';
import { TooManyAttemptsError } from '../http/app.errors.js';
import { expiredRows } from '../tasks/expired-rows.js';
import { TaskRunner } from '../tasks/task-runner.js';
import { until } from '../testing/time.js';
import { MysqlRateLimiter } from './mysql-rate-limiter.js';
import { accountKey } from '../users/account-key.js';
import { ThrottleService } from './throttle.service.js';

jest.setTimeout(60_000);

const logger = pino({ level: 'silent' });
let databases: Databases;
let clusters: MysqlCluster[];

const config = (more: Record<string, string> = {}) =>
  parseSettings({
    DATABASE_URLS: databases.urls.join(','),
    SESSION_SECRETS: 'Vt7mHq2zLw9sXc4bNk8rYp3eJd6fGa5u',
    ...more,
  });

beforeAll(async () => {
  databases = await startDatabases({ count: 3, topology: 'multi-primary' });
  await migrate(config(), logger, migrations);
  // On a shared machine a test's process may have to wait for a processor.
  jest.replaceProperty(limits, 'readMs', 2_000 as never);
  clusters = await Promise.all([1, 2].map(() => connectCluster(config(), logger, 5_000)));
}, 240_000);

afterAll(async () => {
  await Promise.all((clusters ?? []).map((cluster) => cluster.close()));
  await databases?.stop();
});
let now = Date.now();
afterEach(() => {
  jest.restoreAllMocks();
});

const warn = jest.fn();
/** The web servers' throttles, with settings of their own. */
const servers = (more?: Record<string, string>) =>
  clusters.map((cluster) =>
    Object.assign(new ThrottleService(config(more), cluster, { warn } as unknown as PinoLogger), { now: () => now }),
  );
const wrong = () => Promise.resolve(false as const);
const right = () => Promise.resolve('ann');
const someone = () => ({ account: `${randomUUID()}@example.org`, ip: '192.0.2.7' });
/** Resolves when no failure of one of this account's addresses or devices is counted. */
async function forgotten(account: string): Promise<void> {
  await until(async () => {
    const rows = await clusters[0].read('SELECT 1 FROM throttles WHERE name LIKE ?', [
      `login-pair:${accountKey(account)}%`,
    ]);
    return rows.length === 0;
  });
}
let counter = 0;
/** An address that no other attempt has. */
const elsewhere = () => `198.51.100.${counter++ % 256}`;
/** Time passes only by this. */
const later = (ms: number) => {
  now += ms;
};
/** The seconds to wait, 0 if the attempt was admitted. */
const waitOf = (attempt: Promise<unknown>) =>
  attempt.then(
    () => 0,
    (error: unknown) => {
      if (!(error instanceof TooManyAttemptsError)) throw error;
      return error.retryAfter;
    },
  );

it('ASVS 6.3.1: wrong passwords make the next attempt wait longer and longer, on every server', async () => {
  const [one, other] = servers();
  const ann = someone();
  for (const server of [one, other, one, other, one]) expect(await waitOf(server.attempt(ann, wrong))).toBe(0);
  for (const server of [one, other]) expect(await waitOf(server.attempt(ann, right))).toBe(1);
  // In any spelling.
  expect(await waitOf(other.attempt({ ...ann, account: ` ${ann.account.toUpperCase()}` }, right))).toBe(1);
  later(1_100);
  expect(await waitOf(other.attempt(ann, wrong))).toBe(0);
  expect(await waitOf(one.attempt(ann, right))).toBe(2);
  later(2_100);
  expect(await other.attempt(ann, right)).toBe('ann');
  // Reset, because the password was right; in the background.
  await forgotten(ann.account);
  for (const server of [one, other, one, other, one]) expect(await waitOf(server.attempt(ann, wrong))).toBe(0);
});

it('ASVS 6.1.1: a guesser in one place does not keep the account’s owner out of it', async () => {
  const [one, other] = servers();
  const ann = someone();
  for (let i = 0; i < 5; i += 1) await one.attempt(ann, wrong);
  expect(await waitOf(one.attempt(ann, right))).toBe(1);
  await expect(other.attempt({ ...ann, ip: elsewhere() }, right)).resolves.toBe('ann');
});

/** Guesses from so many addresses as often as each is let, for so long. @returns how many passwords were checked */
async function guess(account: string, { addresses, forMs }: { addresses: string[]; forMs: number }): Promise<number> {
  jest.replaceProperty(limits, 'turnMs', 20_000 as never);
  const both = servers();
  const waits = new Map<string, number>(addresses.map((ip) => [ip, 0]));
  let checked = 0;
  const end = now + forMs;
  const tryOnce = async (ip: string, i: number) => {
    if (waits.get(ip)! > now) return;
    const seconds = await waitOf(both[i % 2].attempt({ account, ip }, async () => (checked++, false as const)));
    waits.set(ip, now + seconds * 1_000);
  };
  for (; now < end; later(1_000))
    // Not more at once than wait for their turn.
    for (let at = 0; at < addresses.length; at += 32) await Promise.all(addresses.slice(at, at + 32).map(tryOnce));
  return checked;
}

it('ASVS 6.3.1: while 32 addresses guess, the owner signs in at once, on a device and from an address that are known, and on a new one', async () => {
  const [one, other] = servers();
  const { account } = someone();
  const addresses = Array.from({ length: 32 }, elsewhere);
  expect(await guess(account, { addresses, forMs: 60_000 })).toBeLessThanOrEqual(limits.strangersPerDay + 2 * 5);
  expect(await waitOf(one.attempt({ account, ip: addresses[0] }, right))).toBeGreaterThan(3_600);
  const device = 'a-device-with-id';
  for (let i = 0; i < 3; i += 1) {
    await expect(one.attempt({ account, ip: addresses[0], device }, right)).resolves.toBe('ann');
    await expect(other.attempt({ account, ip: elsewhere() }, right)).resolves.toBe('ann');
  }
  // From an address that has failed twice as a stranger, but is known.
  const known = { account, ip: elsewhere(), isKnownAddress: async () => true };
  for (let i = 0; i < 4; i += 1) expect(await waitOf(other.attempt(known, wrong))).toBe(0);
  await expect(other.attempt(known, right)).resolves.toBe('ann');
  // A success of the owner gives strangers no further tries.
  expect(await waitOf(one.attempt({ account, ip: addresses[1] }, right))).toBeGreaterThan(3_600);
});

it('ASVS 6.3.1: all strangers together check 300 passwords of an account a day, however many addresses they have', async () => {
  const { account } = someone();
  const addresses = Array.from({ length: 240 }, (_, i) => `198.18.0.${i}`);
  const checked = await guess(account, { addresses, forMs: 30_000 });
  const most = limits.strangersPerDay + limits.firstTriesPerDay;
  expect(most).toBe(300);
  // So many run at once on either server.
  expect(checked).toBeLessThanOrEqual(most + 2 * 5);
  expect(await waitOf(servers()[0].attempt({ account, ip: elsewhere() }, right))).toBeGreaterThan(3_600);
  // Trying again does not make it longer.
  later(24 * 3_600_000 - 30_000);
  expect(await servers()[0].attempt({ account, ip: elsewhere() }, right)).toBe('ann');
});

it('ASVS 6.3.1: wrong passwords of a known device make it wait like an address', async () => {
  const [one, other] = servers();
  const known = { ...someone(), device: 'a-device-with-id' };
  for (const server of [one, other, one, other, one]) expect(await waitOf(server.attempt(known, wrong))).toBe(0);
  expect(await waitOf(other.attempt({ ...known, ip: elsewhere() }, right))).toBe(1);
  expect(await one.attempt({ account: known.account, ip: known.ip }, right)).toBe('ann');
});

it('ASVS 6.3.1: a known address has a bound of its own, since others may share it', async () => {
  const [one] = servers({ THROTTLE_LOGINS_PER_ACCOUNT: '1000' });
  const { account } = someone();
  const known = { account, ip: elsewhere(), isKnownAddress: async () => true };
  await guess(account, { addresses: Array.from({ length: 32 }, elsewhere), forMs: 60_000 });
  for (let i = 0; i < limits.knownAddressTries; i += 1) expect(await waitOf(one.attempt(known, wrong))).toBe(0);
  expect(await waitOf(one.attempt(known, right))).toBeGreaterThan(3_600);
});

it('ASVS 6.3.1: trying one password on many accounts from one address is bounded, its failures only', async () => {
  const [one, other] = servers({ THROTTLE_LOGINS_PER_ADDRESS: '3' });
  const ip = '203.0.113.9';
  for (let i = 0; i < 5; i += 1) expect(await one.attempt({ ...someone(), ip }, right)).toBe('ann');
  for (let i = 0; i < 3; i += 1) expect(await waitOf(other.attempt({ ...someone(), ip }, wrong))).toBe(0);
  expect(await waitOf(one.attempt({ ...someone(), ip }, right))).toBeGreaterThan(14 * 60);
  later(15 * 60_000);
  expect(await one.attempt({ ...someone(), ip }, right)).toBe('ann');
});

it('gives a shared address more room: strangers behind a gateway refuse nobody beside them', async () => {
  const gateway = '172.18.0.1';
  const [one, other] = servers({ THROTTLE_LOGINS_PER_ADDRESS: '8', THROTTLE_SHARED_ADDRESSES: gateway });
  const ann = `${randomUUID()}@example.org`;
  const guesses = async (ip: string) => {
    let refused = 0;
    for (let i = 0; i < 40; i++)
      refused += (await waitOf(one.attempt({ account: `${randomUUID()}@example.org`, ip }, wrong))) > 0 ? 1 : 0;
    return refused;
  };
  expect(await guesses(gateway)).toBe(0);
  expect(await waitOf(other.attempt({ account: ann, ip: gateway }, right))).toBe(0);
  // An address that nobody has named has its own limit only.
  expect(await guesses('172.18.0.2')).toBe(32);
  // Nor does room mean guesses at one account.
  for (let i = 0; i < 8; i++) await waitOf(one.attempt({ account: ann, ip: gateway }, wrong));
  expect(await waitOf(other.attempt({ account: ann, ip: gateway }, right))).toBeGreaterThan(0);
});

it('ASVS 6.3.1: a burst of attempts has no more tries than one after the other, but for one on each further server', async () => {
  const both = servers();
  const ann = someone();
  const prove = jest.fn(() => new Promise<false>((resolve) => setTimeout(resolve, 20, false)));
  await Promise.allSettled(Array.from({ length: 40 }, (_, i) => both[i % 2].attempt(ann, prove)));
  expect(prove.mock.calls.length).toBeGreaterThan(0);
  expect(prove.mock.calls.length).toBeLessThanOrEqual(6);
  expect(await waitOf(both[0].attempt(ann, right))).toBeGreaterThan(0);
});

it('ASVS 6.3.1: a burst from many addresses has hardly more', async () => {
  const both = servers();
  const { account } = someone();
  const addresses = Array.from({ length: 60 }, elsewhere);
  for (let i = 0; i < limits.strangersPerDay; i += 1) await both[0].attempt({ account, ip: `192.0.2.${i}` }, wrong);
  for (let i = 0; i < 120; i += 1) await both[0].attempt({ account, ip: addresses[i % 60] }, wrong);
  const prove = jest.fn(() => new Promise<false>((resolve) => setTimeout(resolve, 20, false)));
  const burst = (account: string) =>
    Promise.allSettled(addresses.map((ip, i) => both[i % 2].attempt({ account, ip }, prove)));
  await burst(account);
  expect(prove).not.toHaveBeenCalled();
  // Nor while one try is left: five run at once on either server, and each server may see a count a moment late.
  jest.replaceProperty(limits, 'strangersPerDay', 3 as never);
  jest.replaceProperty(limits, 'firstTriesPerDay', 2 as never);
  const other = someone().account;
  for (let i = 0; i < 4; i += 1) await both[0].attempt({ account: other, ip: `192.0.2.${i}` }, wrong);
  await burst(other);
  expect(prove.mock.calls.length).toBeGreaterThan(0);
  expect(prove.mock.calls.length).toBeLessThanOrEqual(20);
});

it('lets in whoever has the right password, however many at the same time', async () => {
  const [one] = servers();
  const ann = someone();
  const inHand = { now: 0, most: 0 };
  const slow = async () => {
    inHand.most = Math.max(inHand.most, ++inHand.now);
    await new Promise((resolve) => setTimeout(resolve, 5));
    inHand.now -= 1;
    return 'ann';
  };
  expect(await Promise.all(Array.from({ length: 15 }, () => one.attempt(ann, slow)))).toEqual(Array(15).fill('ann'));
  expect(inHand.most).toBe(1);
});

it('lets in whoever is right, also when what was counted cannot be forgotten', async () => {
  const [one, other] = servers();
  const ann = someone();
  await one.attempt(ann, wrong);
  const write = jest.spyOn(clusters[0], 'write').mockRejectedValue(new Error('away'));
  expect(await one.attempt(ann, right)).toBe('ann');
  one.forget(ann);
  await until(() => warn.mock.calls.length === 2);
  write.mockRestore();
  other.forget(ann);
  await forgotten(ann.account);
});

it('ASVS 6.6.3: mails to an account are bounded, in a way that no stranger can use up for its owner', async () => {
  const [one, other] = servers({ THROTTLE_MAILS_PER_ADDRESS: '12' });
  const { account: email } = someone();
  const stranger = '203.0.113.77';
  for (let i = 0; i < 5; i += 1)
    expect(await waitOf([one, other][i % 2].mail({ account: email, ip: stranger }))).toBe(0);
  for (let i = 0; i < 5; i += 1)
    expect(await waitOf(other.mail({ account: email, ip: stranger }))).toBeGreaterThan(59 * 60);
  for (let i = 0; i < 40; i += 1) expect(await waitOf(one.mail({ account: email, ip: elsewhere() }))).toBe(0);
  // The owner's device has a count of its own, also where strangers share its address.
  const device = 'a-device-with-id';
  for (let i = 0; i < 5; i += 1) expect(await waitOf(one.mail({ account: email, ip: stranger, device }))).toBe(0);
  expect(await waitOf(other.mail({ account: email, ip: stranger, device }))).toBeGreaterThan(59 * 60);
  // To any account, from one address.
  for (let i = 0; i < 7; i += 1) expect(await waitOf(one.mail({ account: someone().account, ip: stranger }))).toBe(0);
  expect(await waitOf(one.mail({ account: someone().account, ip: stranger }))).toBeGreaterThan(59 * 60);
});

it('a login that is right the first time writes nothing', async () => {
  const write = jest.spyOn(clusters[0], 'write');
  await servers()[0].attempt(someone(), right);
  expect(write).not.toHaveBeenCalled();
});

it('ASVS 2.4.1: opening accounts is bounded by address and hour', async () => {
  const [one, other] = servers({ THROTTLE_REGISTRATIONS_PER_ADDRESS: '3' });
  const ip = '2001:db8:7::1';
  const open = jest.fn(async () => 'opened');
  for (const server of [one, other]) expect(await server.registration(ip, open)).toBe('opened');
  const taken = new Error('taken');
  await expect(one.registration(ip, () => Promise.reject(taken))).rejects.toBe(taken);
  open.mockClear();
  const write = jest.spyOn(clusters[1], 'write');
  expect(await waitOf(other.registration('2001:db8:7::2', open))).toBeGreaterThan(59 * 60);
  // A flood of them causes no work for the databases.
  expect(write).not.toHaveBeenCalled();
  expect(open).not.toHaveBeenCalled();
  expect(await waitOf(other.registration('2001:db8:8::1', open))).toBe(0);
  later(60 * 60_000);
  expect(await waitOf(other.registration(ip, open))).toBe(0);
});

it('opens no more accounts at once than it can count', async () => {
  const [one] = servers({ THROTTLE_REGISTRATIONS_PER_ADDRESS: '3' });
  const open = jest.fn(async () => 'opened');
  const flood = Array.from({ length: 60 }, () => waitOf(one.registration('2001:db8:9::1', open)));
  await Promise.all(flood);
  expect(open.mock.calls.length).toBeGreaterThanOrEqual(3);
  expect(open.mock.calls.length).toBeLessThanOrEqual(8 + 2);
});

it('says that an account which could not be counted is not opened, and waits for one that is', async () => {
  const [one] = servers();
  const failure = new Error('not written');
  jest.spyOn(clusters[0], 'write').mockRejectedValueOnce(failure);
  let isOpen = false;
  const open = async () => {
    await new Promise((resolve) => setTimeout(resolve, 50));
    isOpen = true;
  };
  await expect(one.registration('2001:db8:10::1', open)).rejects.toBe(failure);
  expect(isOpen).toBe(true);
});

it('counts the parallel points of all servers, and loses none that it acknowledged when a node dies', async () => {
  const limiters = clusters.map(
    (cluster) => new MysqlRateLimiter(cluster, { keyPrefix: 'test', points: 1_000, durationMs: 600_000, rows: 8 }),
  );
  const [victim] = databases.nodes;
  let killed: Promise<void> | undefined;
  let [counted, refused] = [0, 0];
  const each = async (limiter: MysqlRateLimiter) => {
    for (let mine = 0; mine < 50;) {
      try {
        await limiter.penalty('key');
        mine += 1;
        counted += 1;
      } catch (error) {
        // While the group removes the lost node, nobody can sign in, on purpose.
        expect(error).toMatchObject({ code: 'cluster_unavailable' });
        refused += 1;
        expect(refused).toBeLessThan(100);
      }
      if (counted > 60) killed ??= victim.kill();
    }
  };
  await Promise.all(limiters.flatMap((limiter) => [each(limiter), each(limiter)]));
  await killed;
  const { consumedPoints } = (await limiters[1].get('key'))!;
  expect(consumedPoints).toBeGreaterThanOrEqual(200);
});

it('is tidied up by one server', async () => {
  const tidyUp = (i: number) =>
    new TaskRunner(clusters[i], `web${i}`, { warn }, []).run(expiredRows(clusters[i], () => now));
  later(48 * 3_600_000);
  expect(await tidyUp(0)).toBeGreaterThan(0);
  expect(await tidyUp(1)).toBeUndefined();
  expect(await tidyUp(0)).toBe(0);
});

it('lets nobody in unchecked while the counters cannot be reached', async () => {
  const [one] = servers();
  const prove = jest.fn(right);
  await Promise.all(databases.nodes.slice(1).map((node) => node.kill()));
  await expect(one.attempt(someone(), prove)).rejects.toMatchObject({ code: 'cluster_unavailable' });
  await expect(one.registration('192.0.2.1', async () => undefined)).rejects.toMatchObject({
    code: 'cluster_unavailable',
  });
  expect(prove).not.toHaveBeenCalled();
});
