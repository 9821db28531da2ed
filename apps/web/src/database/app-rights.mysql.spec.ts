// The rights of the web servers' database account over a real MySQL server, given by the account of the migrations.
import { afterAll, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { startDatabases, type Databases } from '@roam/local-stack';
import { MysqlCluster } from '@roam/mysql-cluster';
import { createConnection, type Connection, type RowDataPacket } from 'mysql2/promise';
import { pino } from 'pino';
import type { QueryRunner } from 'typeorm';
import { limits } from '../config/limits.js';
import { parseSettings } from '../config/parse-settings.js';
import { expiredRows } from '../tasks/expired-rows.js';
import { migrations } from '../features.js';
import { assertMigrated, migrate } from './migrate.js';

jest.setTimeout(60_000);

const DAY = 24 * 3_600_000;
let databases: Databases;
let admin: Connection;
let cluster: MysqlCluster;
const lines: string[] = [];
const logger = pino({ level: 'info' }, { write: (line) => void lines.push(line) });
const config = () =>
  parseSettings({
    DATABASE_URLS: databases.urls.join(','),
    MIGRATION_DATABASE_URLS: databases.migrationUrls.join(','),
    SESSION_SECRETS: 'Vt7mHq2zLw9sXc4bNk8rYp3eJd6fGa5u',
  });

/** What the author of a feature adds. */
class CreateMemos9999999999998 {
  readonly name = 'CreateMemos9999999999998';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('CREATE TABLE IF NOT EXISTS memos (id INT NOT NULL PRIMARY KEY)');
  }
}

async function event(id: string, ageMs: number): Promise<void> {
  await cluster.write(
    "INSERT INTO audit_events (id, at, event, ip, server, details) VALUES (?, ?, 'login', '', 'web1', '{}')",
    [Buffer.from(id.padEnd(16)), new Date(Date.now() - ageMs)],
  );
}

async function events(): Promise<string[]> {
  const rows = await cluster.read<RowDataPacket & { id: Buffer }>('SELECT id FROM audit_events ORDER BY id', []);
  return rows.map(({ id }) => id.toString().trim());
}

async function grants(): Promise<string> {
  const [rows] = await admin.query<RowDataPacket[]>("SHOW GRANTS FOR roam@'%'");
  return rows.map((row) => String(Object.values(row)[0])).join('\n');
}

beforeAll(async () => {
  databases = await startDatabases({ count: 1, topology: 'single' });
  admin = await createConnection(databases.nodes[0].adminUrl);
}, 180_000);
afterAll(async () => {
  admin?.destroy();
  await cluster?.close();
  await databases?.stop();
});
beforeEach(() => {
  lines.length = 0;
});

describe('the migrations with an account of their own', () => {
  it('take from an account of an earlier release all that changes tables', async () => {
    expect(await grants()).toContain('GRANT ALL PRIVILEGES ON `roam`.*');
    await migrate(config(), logger, migrations);
    // Opens its connections now: MySQL looks at the rights on a database when one is opened.
    cluster = await MysqlCluster.connect({ urls: databases.urls, readTimeoutMs: 900, writeTimeoutMs: 2_400 });
    await assertMigrated(cluster, migrations);
    expect(await grants()).not.toMatch(/ALL PRIVILEGES|ALTER|DROP|CREATE/);
    await expect(cluster.write('DROP TABLE users', [])).rejects.toThrow(/denied/);
    expect(lines.join()).not.toContain('only an administrator of MySQL can remove');
  });

  it('give it a table that a later migration creates, and take what somebody gave on the audit log', async () => {
    await admin.query("GRANT UPDATE, DELETE ON roam.audit_events TO roam@'%'");
    await admin.query("GRANT DELETE ON roam.* TO roam@'%'");
    migrations.push(CreateMemos9999999999998 as never);
    try {
      await migrate(config(), logger, migrations);
    } finally {
      migrations.pop();
    }
    await cluster.write('INSERT INTO memos VALUES (1)', []);
    expect(await grants()).toContain('GRANT SELECT ON `roam`.*');
    expect(await grants()).toContain('GRANT INSERT ON `roam`.`audit_events`');
  });

  it('say which rights they cannot take', async () => {
    await admin.query("GRANT ALTER ON *.* TO roam@'%'");
    await migrate(config(), logger, migrations);
    await admin.query("REVOKE ALTER ON *.* FROM roam@'%'");
    const warning = lines.find((line) => line.includes('only an administrator of MySQL can remove'));
    expect(JSON.parse(warning ?? '{}')).toMatchObject({ account: 'roam@%', rights: ['ALTER'] });
  });
});

describe('an old event of the audit log', () => {
  it('is deleted by a web server when its time is over, and no other one', async () => {
    await event('too old', limits.auditMs + DAY);
    await event('old', limits.auditMs - DAY);
    await event('new', 0);
    expect(await expiredRows(cluster).batch()).toBe(1);
    expect(await events()).toEqual(['new', 'old']);
  });

  it('cannot be made older by the clock of a session', async () => {
    const connection = await createConnection(databases.urls[0]);
    try {
      await connection.query(
        `SET timestamp = ${Math.floor((Date.now() + limits.auditMs) / 1_000)}, time_zone = '-12:00'`,
      );
      const [[{ ahead }]] = await connection.query<RowDataPacket[]>(
        'SELECT UTC_TIMESTAMP() > SYSDATE() + INTERVAL 300 DAY AS ahead',
      );
      expect(ahead).toBe(1);
      await connection.query('DELETE FROM expired_audit_events');
    } finally {
      connection.destroy();
    }
    expect(await events()).toEqual(['new', 'old']);
    await expect(cluster.write('DELETE FROM audit_events', [])).rejects.toThrow(/denied/);
  });

  it('is found by an index', async () => {
    const [rows] = await admin.query<RowDataPacket[]>(
      'EXPLAIN FORMAT=TRADITIONAL DELETE FROM expired_audit_events LIMIT 500',
    );
    expect(rows).toMatchObject([{ key: 'audit_events_at', type: 'range' }]);
  });
});

describe('the check of the migrations', () => {
  it('needs no right to change tables, and fails while a restored database lacks the view', async () => {
    await admin.query('DROP VIEW expired_audit_events');
    await expect(assertMigrated(cluster, migrations)).rejects.toThrow(/expired_audit_events' doesn't exist/);
    await migrate(config(), logger, migrations);
    await assertMigrated(cluster, migrations);
  });
});
