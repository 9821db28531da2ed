// Generates migrations of entities over a real MySQL server, runs them and takes them back.
import { afterAll, beforeAll, beforeEach, afterEach, describe, expect, it, jest } from '@jest/globals';
import { startDatabases, type Databases } from '@roam/local-stack';
import { MysqlCluster } from '@roam/mysql-cluster';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Type } from '@nestjs/common';
import { pino } from 'pino';
import { Column, DataSource, Entity, Index, JoinColumn, ManyToOne, PrimaryColumn } from 'typeorm';
import { parseSettings } from '../config/parse-settings.js';
import { entities, migrations } from '../features.js';
import { ascii } from './columns.js';
import { dataSourceOptions } from './data-source.js';
import { generateMigrations } from './generate-migrations.js';
import { assertMigrated, migrate, revertLast } from './migrate.js';
import type { Migration } from './migrations.js';

jest.setTimeout(60_000);

@Entity('shelves')
class Shelf {
  @PrimaryColumn({ type: 'char', length: 36, ...ascii })
  id!: string;
}

@Entity('books')
@Index('books_of_reader', ['reader', 'title'])
class Book {
  @PrimaryColumn({ type: 'char', length: 36, ...ascii })
  id!: string;

  @Column({ type: 'char', length: 36, ...ascii })
  reader!: string;

  @Column({ type: 'varchar', length: 100 })
  title!: string;

  @Column({ type: 'json' })
  order!: string[];

  @Column({ type: 'varchar', length: 10, default: 'none' })
  state!: string;

  @Column({ type: 'boolean', default: false })
  lent!: boolean;

  @ManyToOne(() => Shelf)
  @JoinColumn({ name: 'shelf' })
  shelf!: Shelf;
}

const silent = pino({ level: 'silent' });
let databases: Databases;
let cluster: MysqlCluster;
let folder: string;
const config = () =>
  parseSettings({
    DATABASE_URLS: databases.urls.join(','),
    SESSION_SECRETS: 'Vt7mHq2zLw9sXc4bNk8rYp3eJd6fGa5u',
  });

async function generate(name: string, more: readonly Type[] = []) {
  const source = await new DataSource(dataSourceOptions(cluster, { entities: [...entities, ...more] })).initialize();
  try {
    return await generateMigrations(source, name, folder);
  } finally {
    await source.destroy();
  }
}
const tables = async () => (await cluster.read('SHOW TABLES', [])).map((row) => String(Object.values(row)[0]));

beforeAll(async () => {
  databases = await startDatabases({ count: 1, topology: 'single' });
  cluster = await MysqlCluster.connect({ urls: databases.urls, writeTimeoutMs: 10_000 });
  await migrate(config(), silent, migrations);
}, 180_000);
afterAll(async () => {
  await cluster?.close();
  await databases?.stop();
});
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'roam-sources-'));
  mkdirSync(join(folder, 'library'));
  mkdirSync(join(folder, 'users'));
  writeFileSync(join(folder, 'library/book.entity.ts'), "@Entity('books')\nexport class Book {}\n");
  writeFileSync(join(folder, 'library/shelf.entity.ts'), "@Entity('shelves')\nexport class Shelf {}\n");
  writeFileSync(join(folder, 'library/library.module.ts'), 'TypeOrmModule.forFeature([Shelf, Book])');
  writeFileSync(join(folder, 'users/user.entity.ts'), "@Entity('users')\nexport class User {}\n");
});
afterEach(() => rmSync(folder, { recursive: true }));

it('generates nothing where all tables are as the entities say, and drops no table without an entity', async () => {
  expect(await tables()).toEqual(
    expect.arrayContaining(['sessions', 'leases', 'throttles', 'request_claims', 'turns']),
  );
  expect(await generate('Nothing')).toEqual([]);
});

it('generates what makes the tables of new entities, runs it, also again after a half, and reverts it', async () => {
  const [made, ...others] = await generate('CreateLibrary', [Shelf, Book]);
  expect(others).toEqual([]);
  expect(made).toMatchObject({
    file: join(folder, 'library/migrations/create-library.ts'),
    module: join(folder, 'library/library.module.ts'),
    isContracting: false,
  });
  const text = readFileSync(made.file, 'utf8');
  expect(text).toContain('// Create library.\n');
  expect(text).toContain("        state varchar(10) NOT NULL DEFAULT 'none',\n");
  const CreateLibrary = ((await import(pathToFileURL(made.file).href)) as Record<string, Migration>)[made.className];
  const all = [...migrations, CreateLibrary];

  // What a try leaves behind whose process has died.
  await cluster.write('CREATE TABLE shelves (id CHAR(36) CHARACTER SET ascii COLLATE ascii_bin PRIMARY KEY)', []);
  expect(await migrate(config(), silent, all)).toEqual([made.className]);
  expect(await generate('Nothing', [Shelf, Book])).toEqual([]);
  await assertMigrated(cluster, all);

  expect(await revertLast(config(), silent, all)).toBe(made.className);
  await expect(assertMigrated(cluster, all)).rejects.toThrow(made.className);
  expect(await tables()).not.toEqual(expect.arrayContaining(['books']));
  expect(await migrate(config(), silent, all)).toEqual([made.className]);
  await revertLast(config(), silent, all);
});

describe('where a table lacks something and another one has too much', () => {
  beforeEach(async () => {
    await cluster.write('ALTER TABLE users DROP COLUMN deactivated_at, ADD COLUMN nick VARCHAR(10) NULL', []);
    await cluster.write('ALTER TABLE outbox DROP KEY outbox_due_at', []);
  });
  afterEach(async () => {
    await cluster.write('ALTER TABLE users ADD COLUMN deactivated_at DATETIME(3) NULL, DROP COLUMN nick', []);
    await cluster.write('ALTER TABLE outbox ADD KEY outbox_due_at (due_at)', []);
  });

  it('writes one migration for each feature, and says which one removes something', async () => {
    mkdirSync(join(folder, 'outbox'));
    writeFileSync(join(folder, 'outbox/outbox-row.entity.ts'), "@Entity('outbox')\nexport class OutboxRow {}\n");
    const made = await generate('MendTables');
    const of = (part: string) => made.find(({ file }) => file === join(folder, part, 'migrations/mend-tables.ts'))!;
    expect(made).toHaveLength(2);
    expect(of('users')).toMatchObject({ isContracting: true, module: undefined });
    expect(of('outbox')).toMatchObject({ isContracting: false });
    expect(of('users').className).not.toBe(of('outbox').className);
    expect(readFileSync(of('users').file, 'utf8')).toMatch(
      /up\(.*ADD deactivated_at .*down\(.*DROP COLUMN deactivated_at/s,
    );
    await expect(generate('MendTables')).rejects.toThrow('EEXIST');
  });

  it('says which table has no file, and writes none', async () => {
    await expect(generate('MendTables')).rejects.toThrow(`no file in ${folder} has @Entity('outbox')`);
    expect(() => readFileSync(join(folder, 'users/migrations/mend-tables.ts'))).toThrow('ENOENT');
  });
});
