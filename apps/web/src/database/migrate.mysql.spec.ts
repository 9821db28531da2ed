// The migrations over a real MySQL server: run by several processes at once, and checked by a web server that only reads.
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { startDatabases, type Databases } from '@roam/local-stack';
import { MysqlCluster } from '@roam/mysql-cluster';
import { pino } from 'pino';
import { parseSettings } from '../config/parse-settings.js';
import { migrations } from './data-source.js';
import { assertMigrated, migrate } from './migrate.js';

jest.setTimeout(60_000);

let databases: Databases;
let cluster: MysqlCluster;
const silent = pino({ level: 'silent' });
const config = () =>
  parseSettings({
    DATABASE_URLS: databases.urls.join(','),
    SESSION_SECRETS: 'Vt7mHq2zLw9sXc4bNk8rYp3eJd6fGa5u',
  });

beforeAll(async () => {
  databases = await startDatabases({ count: 1, topology: 'single' });
  cluster = await MysqlCluster.connect({ urls: databases.urls });
}, 180_000);
afterAll(async () => {
  await cluster?.close();
  await databases?.stop();
});

describe('the check of the migrations', () => {
  it('fails before they have run, and creates nothing', async () => {
    await expect(assertMigrated(cluster)).rejects.toThrow(/migrations' doesn't exist/);
    expect(await cluster.read('SHOW TABLES', [])).toEqual([]);
  });

  it('passes when several processes have run them at once', async () => {
    await Promise.all([1, 2, 3].map(() => migrate(config(), silent)));
    await assertMigrated(cluster);
  });

  it('names each one that has not run', async () => {
    const last = new (migrations.at(-1)!)().name;
    await cluster.write('DELETE FROM migrations WHERE name = ?', [last]);
    await expect(assertMigrated(cluster)).rejects.toThrow(`these migrations have not run: ${last}`);
    await migrate(config(), silent);
    await assertMigrated(cluster);
  });

  it('fails while a restored database lacks the tables of the sessions', async () => {
    await cluster.write('DROP TABLE sessions, session_epochs, session_revocations', []);
    await expect(assertMigrated(cluster)).rejects.toThrow(/session_revocations' doesn't exist/);
    await migrate(config(), silent);
    await assertMigrated(cluster);
  });
});
