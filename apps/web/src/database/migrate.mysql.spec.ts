// The migrations over a real MySQL server: run by several processes at once, and checked by a web server that only reads.
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { startDatabases, type Databases } from '@roam/local-stack';
import { MysqlCluster } from '@roam/mysql-cluster';
import { pino } from 'pino';
import type { QueryRunner } from 'typeorm';
import { parseSettings } from '../config/parse-settings.js';
import { until } from '../testing/time.js';
import { migrations } from '../features.js';
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

/** What an entity with `onDelete: 'CASCADE'` would have as its migration. */
class CreateLines9999999999999 {
  readonly name = 'CreateLines9999999999999';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('CREATE TABLE IF NOT EXISTS bills (id INT NOT NULL PRIMARY KEY)');
    await runner.query(`
      CREATE TABLE IF NOT EXISTS bill_lines (id INT NOT NULL, bill INT NOT NULL, UNIQUE KEY (id),
        CONSTRAINT line_of_bill FOREIGN KEY (bill) REFERENCES bills (id) ON DELETE CASCADE)`);
    await runner.query(
      'CREATE TABLE IF NOT EXISTS bill_notes (note VARCHAR(20) NULL, UNIQUE KEY (note)) ENGINE = MyISAM',
    );
  }
}

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
    await expect(assertMigrated(cluster, migrations)).rejects.toThrow(/migrations' doesn't exist/);
    expect(await cluster.read('SHOW TABLES', [])).toEqual([]);
  });

  it('passes when several processes have run them at once', async () => {
    await Promise.all([1, 2, 3].map(() => migrate(config(), silent, migrations)));
    await assertMigrated(cluster, migrations);
  });

  it('ASVS 6.3.2: finds no account that they have made', async () => {
    await migrate(config(), silent, migrations);
    expect(await cluster.read('SELECT email FROM users', [])).toEqual([]);
  });

  it('names each one that has not run', async () => {
    const last = new (migrations.at(-1)!)().name;
    await cluster.write('DELETE FROM migrations WHERE name = ?', [last]);
    await expect(assertMigrated(cluster, migrations)).rejects.toThrow(`these migrations have not run: ${last}`);
    await migrate(config(), silent, migrations);
    await assertMigrated(cluster, migrations);
  });

  it('fails while a restored database lacks the tables of the sessions', async () => {
    await cluster.write('DROP TABLE sessions, session_epochs, session_revocations', []);
    await expect(assertMigrated(cluster, migrations)).rejects.toThrow(/session_revocations' doesn't exist/);
    await migrate(config(), silent, migrations);
    await assertMigrated(cluster, migrations);
  });
});

describe('a migration whose tables Group Replication refuses', () => {
  it('is refused by the name of the table and the rule, and not recorded before that is mended', async () => {
    const lines: string[] = [];
    const { name } = new CreateLines9999999999999();
    const recorded = async () => (await cluster.read('SELECT 1 FROM migrations WHERE name = ?', [name])).length;
    migrations.push(CreateLines9999999999999 as never);
    try {
      const running = migrate(
        config(),
        pino({ level: 'warn' }, { write: (line) => void lines.push(line) }),
        migrations,
      );
      const refusal = () => lines.find((line) => line.includes('Group Replication refuses these tables'));
      await until(() => refusal() !== undefined);
      for (const fault of [
        'bill_lines has the foreign key line_of_bill ON DELETE CASCADE',
        'bill_notes has the engine MyISAM',
        'bill_notes has no primary key',
      ])
        expect(refusal()).toContain(fault);
      // A unique key of NOT NULL columns is enough.
      expect(refusal()).not.toContain('bill_lines has no primary key');
      expect(await recorded()).toBe(0);
      await cluster.write('ALTER TABLE bill_lines DROP FOREIGN KEY line_of_bill', []);
      await cluster.write('ALTER TABLE bill_notes ENGINE = InnoDB, MODIFY note VARCHAR(20) NOT NULL', []);
      await running;
      expect(await recorded()).toBe(1);
    } finally {
      migrations.pop();
    }
  });
});
