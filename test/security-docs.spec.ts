// docs/security.md says which test shows what: each one that it names must be there.
import { expect, it } from '@jest/globals';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');

function sources(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts') && !/(^|\/)(node_modules|dist)\//.test(path))
    .map((path) => readFileSync(join(root, folder, path), 'utf8'));
}

it('names only tests that exist', () => {
  const named = [...readFileSync(join(root, 'docs/security.md'), 'utf8').matchAll(/“([^”]+)”/g)].map(([, name]) => name);
  expect(named.length).toBeGreaterThan(100);
  const code = ['apps', 'libs', 'test'].flatMap(sources).join('\n').replaceAll("\\'", "'");
  expect(named.filter((name) => !code.includes(name.replace(/^… /, '')))).toEqual([]);
});
