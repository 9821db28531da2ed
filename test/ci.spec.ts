// What `.ci/run` makes of jest's results: which files run once more, and what counts in the end.
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'roam-ci-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Writes what jest writes: each file with the outcomes of its tests; without any, it could not run. */
function results(name: string, files: Record<string, ('passed' | 'failed' | 'pending')[]>): void {
  const testResults = Object.entries(files).map(([file, statuses]) => ({
    name: resolve(file),
    status: statuses.length === 0 || statuses.includes('failed') ? 'failed' : 'passed',
    assertionResults: statuses.map((status) => ({ status })),
  }));
  writeFileSync(join(folder, `${name}.json`), JSON.stringify({ testResults }));
}

function run(script: string, ...args: string[]) {
  const { stdout, status } = spawnSync(process.execPath, [`.ci/${script}`, ...args], { encoding: 'utf8' });
  return { lines: stdout.split('\n').filter(Boolean), status };
}

function sum(status: number, commands: Record<string, number> = {}) {
  for (const [name, each] of Object.entries({ test: status, ...commands }))
    writeFileSync(join(folder, `${name}.status`), String(each));
  const names = Object.keys(commands);
  return run('sum.mjs', folder, 'test', ...(names.length > 0 ? ['--commands', ...names] : []));
}

describe('files that run once more', () => {
  const again = () => run('failed.mjs', join(folder, 'test.json')).lines;

  it('are the few that failed', () => {
    results('test', { 'a.spec.ts': ['passed'], 'test/b.e2e.ts': ['passed', 'failed'], 'c.spec.ts': [] });
    expect(again()).toEqual(['test/b.e2e.ts', 'c.spec.ts']);
  });

  it.each([
    ['many failed', Object.fromEntries(['a', 'b', 'c', 'd'].map((name) => [`${name}.e2e.ts`, ['failed' as const]]))],
    ['none failed', { 'b.e2e.ts': ['passed' as const] }],
  ])('are none when %s', (_, files) => {
    results('test', files);
    expect(again()).toEqual([]);
  });

  it('are none when jest wrote nothing', () => expect(again()).toEqual([]));
});

describe('the sum', () => {
  it('counts what passed, failed and was skipped, and a file that could not run', () => {
    results('test', { 'a.spec.ts': ['passed', 'failed', 'pending'], 'b.e2e.ts': [] });
    expect(sum(1)).toEqual({ lines: ['1 passed, 2 failed, 1 skipped'], status: 1 });
  });

  it('takes the second result of a file that ran once more', () => {
    results('test.first', { 'a.spec.ts': ['passed'], 'b.e2e.ts': ['passed', 'failed'] });
    results('test', { 'b.e2e.ts': ['passed', 'passed'] });
    expect(sum(0)).toEqual({ lines: ['3 passed, 0 failed'], status: 0 });
    results('test', { 'b.e2e.ts': ['failed', 'passed'] });
    expect(sum(1)).toEqual({ lines: ['2 passed, 1 failed'], status: 1 });
  });

  it('counts a command that is no jest run as one result, by its status', () => {
    results('test', { 'a.spec.ts': ['passed', 'passed'] });
    expect(sum(0, { bench: 0 })).toEqual({ lines: ['3 passed, 0 failed'], status: 0 });
    expect(sum(0, { bench: 1 })).toEqual({ lines: ['2 passed, 1 failed'], status: 1 });
    expect(sum(0, { bench: 124, other: 0 })).toEqual({ lines: ['3 passed, 1 failed'], status: 1 });
  });

  it('is a failure when the command failed, or ran nothing', () => {
    results('test', { 'a.spec.ts': ['passed'] });
    expect(sum(1)).toEqual({ lines: ['1 passed, 1 failed'], status: 1 });
    results('test', {});
    expect(sum(0)).toEqual({ lines: ['0 passed, 1 failed'], status: 1 });
  });
});
