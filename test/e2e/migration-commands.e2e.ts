// `npm run migration:generate`, `:run` and `:revert`, as a developer types them.
import { afterAll, beforeAll, expect, it, jest } from '@jest/globals';
import { startDatabases, type Databases } from '@roam/local-stack';
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import mysql from 'mysql2/promise';
import { runNode } from '../support/run.js';

jest.setTimeout(120_000);

let databases: Databases;
let folder: string;

beforeAll(async () => {
  databases = await startDatabases({ count: 1, topology: 'single' });
  folder = mkdtempSync(join(tmpdir(), 'roam-sources-'));
}, 180_000);
afterAll(async () => {
  await databases?.stop();
  if (folder) rmSync(folder, { recursive: true });
});

const command = (...words: string[]) =>
  runNode(['apps/demo/dist/migration.js', ...words], {
    DATABASE_URLS: databases.urls.join(','),
    MIGRATION_DATABASE_URLS: databases.migrationUrls.join(','),
    SESSION_SECRETS: 'Vt7mHq2zLw9sXc4bNk8rYp3eJd6fGa5u',
  });
async function change(sql: string): Promise<void> {
  const connection = await mysql.createConnection(databases.migrationUrls[0]);
  await connection.query(sql);
  await connection.end();
}

it('run, revert and generate on the database of the settings', async () => {
  const early = await command('generate', 'TooEarly');
  expect(early).toMatchObject({ code: 1, stdout: '' });
  expect(early.stderr).toContain('Run "npm run migration:run" first.');

  const first = await command('run');
  expect(first).toMatchObject({ code: 0, stderr: '' });
  const last = first.stdout.trimEnd().split('\n').at(-1)!;
  expect(last).toMatch(/^Ran \w+\d{13}\.$/);
  expect(await command('run')).toMatchObject({ code: 0, stdout: 'All migrations have run before.\n' });
  expect(await command('revert')).toMatchObject({ code: 0, stdout: `${last.replace('Ran', 'Reverted')}\n` });
  expect(await command('run')).toMatchObject({ code: 0, stdout: `${last}\n` });

  const unchanged = await command('generate', 'Nothing');
  expect(unchanged).toMatchObject({ code: 0, stdout: expect.stringContaining('there is nothing to generate') });

  cpSync('apps/web/src/outbox', join(folder, 'outbox'), { recursive: true });
  await change('ALTER TABLE outbox DROP COLUMN kind');
  const changed = await command('generate', 'AddKindOfEffects', folder);
  expect(changed).toMatchObject({ code: 0, stderr: '' });
  expect(changed.stdout).toMatch(/Wrote .*outbox\/migrations\/add-kind-of-effects\.ts\./);
  expect(changed.stdout).toMatch(
    /Name it in .*outbox\/outbox\.module\.ts: @Migrations\(\[AddKindOfEffects\d{13}\]\)\./,
  );
  const text = readFileSync(join(folder, 'outbox/migrations/add-kind-of-effects.ts'), 'utf8');
  expect(text).toContain('ALTER TABLE outbox ADD kind varchar(20) CHARACTER SET "ascii" COLLATE "ascii_bin" NOT NULL');
});

it('use a database of their own where none is named and no "npm run dev" runs', async () => {
  const { code, stdout, stderr } = await runNode(['apps/demo/dist/migration.js', 'generate', 'Nothing']);
  expect({ code, stdout }).toEqual({
    code: 0,
    stdout: 'The tables are what the entities say: there is nothing to generate.\n',
  });
  expect(stderr).toContain('using a new one, which ends with this command');
});

it('print their usage where a word is missing or unknown', async () => {
  for (const words of [[], ['drop'], ['generate'], ['run', 'away']]) {
    const { code, stderr } = await runNode(['apps/demo/dist/migration.js', ...words]);
    expect({ words, code }).toEqual({ words, code: 2 });
    expect(stderr).toMatch(/^Usage: npm run migration:generate -- NAME/);
  }
});
