// Finding a program: what the environment names is used or refused aloud, never silently replaced.
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { StackError } from '../errors.js';
import { findMysql } from './find.js';

let dir: string;
const before = process.env.MYSQLD;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'find-'));
});
afterEach(() => {
  rmSync(dir, { recursive: true });
  if (before === undefined) delete process.env.MYSQLD;
  else process.env.MYSQLD = before;
});

/** A program that prints this for --version: enough for the finder, which asks no more. */
function printing(text: string): string {
  const file = join(dir, 'mysqld');
  writeFileSync(file, `#!/bin/sh\necho '${text}'\n`);
  chmodSync(file, 0o755);
  return file;
}

async function refusal(file: string): Promise<string> {
  process.env.MYSQLD = file;
  const error: unknown = await findMysql(() => undefined).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(StackError);
  expect((error as StackError).code).toBe('program_missing');
  return (error as StackError).message;
}

describe('MYSQLD', () => {
  it('is used when it names a MySQL that will do', async () => {
    const file = printing('mysqld  Ver 8.4.6 for Linux on x86_64 (MySQL Community Server - GPL)');
    process.env.MYSQLD = file;
    expect(await findMysql(() => undefined)).toMatchObject({ version: '8.4.6', command: { file } });
  });

  it('is refused with the reason: MariaDB, too old, not there', async () => {
    expect(await refusal(printing('mysqld  Ver 10.11.11-MariaDB for debian-linux-gnu'))).toMatch(
      /MariaDB.*Install MySQL 8.4/s,
    );
    expect(await refusal(printing('mysqld  Ver 5.7.1 for Linux'))).toContain('it is MySQL 5.7.1');
    expect(await refusal(join(dir, 'nothing'))).toContain('cannot be run');
  });
});
