// The list of web servers over a real MySQL server: which of them are ready, and which may be replaced.
import { afterAll, beforeAll, beforeEach, expect, it, jest } from '@jest/globals';
import { startDatabases, type Databases } from '@roam/local-stack';
import type { MysqlCluster } from '@roam/mysql-cluster';
import type { PinoLogger } from 'nestjs-pino';
import { pino } from 'pino';
import type { Config } from '../config/config.js';
import { limits } from '../config/limits.js';
import { parseSettings } from '../config/parse-settings.js';
import { connectCluster } from '../database/connect.js';
import { migrate } from '../database/migrate.js';
import { migrations } from '../features.js';
import { ServersService } from './servers.service.js';

jest.setTimeout(60_000);

const logger = pino({ level: 'silent' });
let databases: Databases;
let cluster: MysqlCluster;

const configOf = (name: string): Config =>
  parseSettings({
    DATABASE_URLS: databases.urls.join(','),
    SESSION_SECRETS: 'Vt7mHq2zLw9sXc4bNk8rYp3eJd6fGa5u',
    SERVER_NAME: name,
  });
const server = (name: string) => new ServersService(configOf(name), cluster, logger as unknown as PinoLogger);

beforeAll(async () => {
  databases = await startDatabases({ count: 1, topology: 'single' });
  cluster = await connectCluster(configOf('test'), logger);
  await migrate(configOf('test'), logger, migrations);
}, 180_000);
afterAll(async () => {
  await cluster?.close();
  await databases?.stop();
});
beforeEach(async () => {
  await cluster.write('DELETE FROM servers', []);
  await cluster.write("UPDATE leases SET holder = '', until = 0 WHERE name = 'replacement'", []);
});

/** As if so much time had passed. */
const pass = async (ms: number) => {
  await cluster.write('UPDATE leases SET until = until - ? WHERE until > ?', [ms, ms]);
  await cluster.write('UPDATE servers SET ready_at = ready_at - ?', [ms]);
};

it('knows whether another server takes traffic', async () => {
  const [one, other] = [server('web1'), server('web2')];
  await one.announce();
  expect(await one.othersAreReady()).toBe(false);
  await other.announce();
  expect(await one.othersAreReady()).toBe(true);
  await other.withdraw();
  expect(await one.othersAreReady()).toBe(false);
});

it('misses for a minute a server that was lost, and waits for it', async () => {
  const [one, other, third] = [server('web1'), server('web2'), server('web3')];
  await other.announce();
  await pass(limits.readyMs + 1_000);
  await third.announce();
  expect(await one.othersAreReady()).toBe(false);
  expect(await one.list()).toEqual([
    expect.objectContaining({ name: 'web2', ready: false }),
    expect.objectContaining({ name: 'web3', ready: true }),
  ]);
  await pass(limits.missedMs);
  await third.announce();
  expect(await one.othersAreReady()).toBe(true);
});

it('gives one server at a time the turn, and the next one when it is back and half a minute is over', async () => {
  const [one, other] = [server('web1'), server('web2')];
  expect([await one.takeTurn(), await other.takeTurn()]).toEqual([true, false]);
  await pass(limits.replacementMs + 1_000);
  expect(await other.takeTurn()).toBe(false);
  // web1 is back.
  await server('web1').endTurn();
  expect(await other.takeTurn()).toBe(true);
});

it('lets nobody be replaced twice within half a minute', async () => {
  const one = server('web1');
  await one.takeTurn();
  await one.endTurn();
  await one.endTurn();
  expect([await server('web1').takeTurn(), await server('web2').takeTurn()]).toEqual([false, false]);
  await pass(limits.replacementMs + 1_000);
  expect(await server('web2').takeTurn()).toBe(true);
});

it('does not wait for ever for a server that does not come back', async () => {
  await server('web1').takeTurn();
  await pass(limits.replacementLostMs + 1_000);
  expect(await server('web2').takeTurn()).toBe(true);
});

it('goes by the databases’ clock: a web server whose own is ahead takes nobody’s turn', async () => {
  await server('web1').takeTurn();
  const now = Date.now();
  jest.spyOn(Date, 'now').mockReturnValue(now + 10 * 60_000);
  const taken = server('web2').takeTurn();
  jest.restoreAllMocks();
  expect(await taken).toBe(false);
});
