// How many writes the files of the method `file` tell of.
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { documentWrites } from './document-writes.js';

let mount: string;
beforeEach(() => {
  mount = mkdtempSync(join(tmpdir(), 'roam-bench-'));
});
afterEach(() => rmSync(mount, { recursive: true }));

function put(...names: string[]): void {
  for (const name of names) {
    mkdirSync(join(mount, name, '..'), { recursive: true });
    writeFileSync(join(mount, name), '');
  }
}

const hash = (digit: string) => digit.repeat(64);

it('are the versions of all documents together, and of nothing else', () => {
  put('store.json', `sessions/aaa/${hash('a')}.7`, `users/bbb/${hash('b')}.2`, `temporary/${hash('c')}`, 'damaged/x.9');
  expect(documentWrites([mount])).toBe(9);
  expect(documentWrites([mount, mount])).toBe(18);
});

it('are none where there is no folder', () => expect(documentWrites([join(mount, 'none')])).toBe(0));
