// The removal of ended sessions over a real MySQL server: which ones it removes, and that one server at a time does it.
import { afterAll, beforeAll, expect, it, jest } from '@jest/globals';
import { startDatabases, type Databases } from '@roam/local-stack';
import type { MysqlCluster } from '@roam/mysql-cluster';
import { SessionManager, type SessionRecord } from '@roam/session';
import { MysqlSessionStore } from '@roam/session/mysql';
import { randomBytes } from 'node:crypto';
import { pino } from 'pino';
import type { Config } from '../config/config.js';
import { parseSettings } from '../config/parse-settings.js';
import { connectCluster } from '../database/connect.js';
import { migrate } from '../database/migrate.js';
import { migrations } from '../features.js';
import { sessionCleanup } from './session-cleanup.js';
import { TaskRunner } from './task-runner.js';

jest.setTimeout(60_000);

const minute = 60_000;
const logger = pino({ level: 'silent' });
let databases: Databases;
let cluster: MysqlCluster;
let store: MysqlSessionStore;

const configOf = (name: string): Config =>
  parseSettings({
    DATABASE_URLS: databases.urls.join(','),
    SESSION_SECRETS: 'Vt7mHq2zLw9sXc4bNk8rYp3eJd6fGa5u',
    SERVER_NAME: name,
  });

beforeAll(async () => {
  databases = await startDatabases({ count: 1, topology: 'single' });
  cluster = await connectCluster(configOf('test'), logger);
  await migrate(configOf('test'), logger, migrations);
  store = new MysqlSessionStore(cluster);
}, 180_000);
afterAll(async () => {
  await cluster?.close();
  await databases?.stop();
});

/** A run of the task on the web server with this name. */
function cleanUp(name: string): Promise<number | undefined> {
  const config = configOf(name);
  const sessions = new SessionManager({ store, secrets: config.session.secrets, secure: false });
  return new TaskRunner(cluster, name, { warn: () => undefined }, []).run(sessionCleanup(config, sessions));
}

/** A session that began an hour ago and ended so many milliseconds ago. */
async function sessionEnded(agoMs: number): Promise<string> {
  const now = Date.now();
  const began = (now - 60 * minute).toString(16).padStart(12, '0');
  const record: SessionRecord = {
    id: began + randomBytes(10).toString('hex'),
    version: 1,
    secrets: { current: 'x', since: now - 60 * minute },
    payload: '{"v":1,"r":0,"d":{}}',
    idleEndsAt: now - agoMs,
    endsAt: now + 60 * minute,
    userId: null,
    epoch: 0,
    writes: [],
  };
  await store.create(record);
  return record.id;
}

async function stored(id: string): Promise<boolean> {
  return (await cluster.read('SELECT 1 FROM sessions WHERE id = ?', [Buffer.from(id, 'hex')])).length > 0;
}

it('removes what ended long ago, leaves the rest, and is one server’s work', async () => {
  const [longAgo, justNow, alive] = [
    await sessionEnded(30 * minute),
    await sessionEnded(0),
    await sessionEnded(-minute),
  ];
  expect(await cleanUp('web1')).toBe(1);
  expect([await stored(longAgo), await stored(justNow), await stored(alive)]).toEqual([false, true, true]);

  await sessionEnded(30 * minute);
  expect(await cleanUp('web2')).toBeUndefined();
  expect(await cleanUp('web1')).toBe(1);
});

it('is left to another server by one that cannot do it', async () => {
  await cluster.write('UPDATE leases SET until = 0', []);
  const longAgo = await sessionEnded(30 * minute);
  const sweep = jest.spyOn(store, 'sweep').mockRejectedValueOnce(new Error('out of reach'));
  await expect(cleanUp('web1')).rejects.toThrow('out of reach');
  sweep.mockRestore();
  expect(await cleanUp('web2')).toBe(1);
  expect(await stored(longAgo)).toBe(false);
});

it('is taken over when its server is gone', async () => {
  await cluster.write('UPDATE leases SET until = 0', []);
  await cleanUp('web1');
  const longAgo = await sessionEnded(30 * minute);
  // As after the holder's lease ran out.
  await cluster.write('UPDATE leases SET until = ?', [Date.now() - 1]);
  expect(await cleanUp('web2')).toBe(1);
  expect(await stored(longAgo)).toBe(false);
  expect(await cleanUp('web1')).toBeUndefined();
});
