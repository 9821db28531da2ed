// The entities beside the tables that the migrations make.
import { afterAll, beforeAll, expect, it, jest } from '@jest/globals';
import { startDatabases, type Databases } from '@roam/local-stack';
import { MysqlCluster } from '@roam/mysql-cluster';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { pino } from 'pino';
import { DataSource } from 'typeorm';
import { parseSettings } from '../config/parse-settings.js';
import { entities, migrations } from '../features.js';
import { dataSourceOptions } from './data-source.js';
import { migrate } from './migrate.js';

jest.setTimeout(60_000);

let databases: Databases;
let cluster: MysqlCluster;
let source: DataSource;

beforeAll(async () => {
  databases = await startDatabases({ count: 1, topology: 'single' });
  const settings = { DATABASE_URLS: databases.urls.join(','), SESSION_SECRETS: 'Vt7mHq2zLw9sXc4bNk8rYp3eJd6fGa5u' };
  await migrate(parseSettings(settings), pino({ level: 'silent' }), migrations);
  cluster = await MysqlCluster.connect({ urls: databases.urls });
  source = await new DataSource(dataSourceOptions(cluster, { entities })).initialize();
}, 180_000);
afterAll(async () => {
  await source?.destroy();
  await cluster?.close();
  await databases?.stop();
});

it('are all brought by a module of the app', () => {
  const folder = fileURLToPath(new URL('..', import.meta.url));
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.entity.ts'),
  );
  const texts = files.map((file) => readFileSync(join(folder, file), 'utf8'));
  const tables = texts.flatMap((text) => [...text.matchAll(/@Entity\('(\w+)'\)/g)].map(([, table]) => table));
  expect(tables).toContain('users');
  expect(source.entityMetadatas.map(({ tableName }) => tableName).sort()).toEqual(tables.sort());
});

it('say what the migrations have made: of no entity a column, a key or a default differs', async () => {
  const { upQueries } = await source.driver.createSchemaBuilder().log();
  expect(upQueries.map(({ query }) => query)).toEqual([]);
});

it('have the character sets of their columns, which the schema builder does not compare', async () => {
  const rows = await cluster.read(
    `SELECT CONCAT(TABLE_NAME, '.', COLUMN_NAME) AS name, COLLATION_NAME AS collation FROM information_schema.COLUMNS
     WHERE TABLE_SCHEMA = DATABASE()`,
    [],
  );
  const found = new Map(rows.map(({ name, collation }) => [name as string, collation as string | null]));
  const columns = source.entityMetadatas.flatMap((entity) =>
    entity.columns.map((column) => [`${entity.tableName}.${column.databaseName}`, column.collation] as const),
  );
  const differing = columns.filter(([name, collation]) => {
    const inTable = found.get(name);
    return inTable !== null && inTable !== (collation ?? 'utf8mb4_0900_ai_ci');
  });
  expect(differing.map(([name]) => `${name}: ${found.get(name)}`)).toEqual([]);
});
