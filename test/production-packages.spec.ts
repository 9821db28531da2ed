// What the image of the web servers keeps of node_modules.
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { developmentPackages } from './support/development-packages.js';

const script = join(import.meta.dirname, '../deploy/web/production-packages.mjs');

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'roam-packages-'));
});
afterEach(() => rmSync(root, { recursive: true }));

function run(...args: string[]): Promise<{ code: number; said: string[] }> {
  return new Promise((resolve) =>
    execFile(process.execPath, [script, ...args], { cwd: root }, (error, stdout) =>
      resolve({ code: error ? Number(error.code) : 0, said: stdout.trim().split('\n').filter(Boolean) }),
    ),
  );
}

function installed(packages: Readonly<Record<string, object>>): void {
  writeFileSync(join(root, 'package-lock.json'), JSON.stringify({ packages }));
  for (const place of Object.keys(packages)) {
    mkdirSync(join(root, place), { recursive: true });
    if (place !== '') writeFileSync(join(root, place, 'index.js'), '');
  }
}

it('is what production requires; a development package that is an optional peer is not', async () => {
  const needed = {
    'node_modules/app-lib': { link: true, resolved: 'libs/app-lib' },
    'libs/app-lib': { dependencies: { cookie: '1' }, devDependencies: { jest: '1' } },
    'libs/app-lib/node_modules/cookie': { version: '2' },
    'node_modules/server': {
      peerDependencies: { router: '1', sockets: '1' },
      peerDependenciesMeta: { sockets: { optional: true } },
      optionalDependencies: { native: '1', elsewhere: '1' },
    },
    'node_modules/router': { dependencies: { cookie: '1' } },
    'node_modules/native': {},
    'node_modules/cookie': {},
  };
  const others = {
    'node_modules/sockets': { dependencies: { frames: '1' } },
    'node_modules/frames': {},
    'node_modules/frames/node_modules/cookie': {},
    'node_modules/@types/jest': {},
    'node_modules/jest': {},
  };
  installed({
    '': { devDependencies: { jest: '1', sockets: '1' } },
    'apps/web': { dependencies: { 'app-lib': '1', server: '1' } },
    ...needed,
    ...others,
  });
  const { code, said } = await run('--check');
  expect([code, said.sort()]).toEqual([1, Object.keys(others).sort()]);
  expect((await run()).code).toBe(0);
  for (const place of Object.keys(others)) expect(existsSync(join(root, place))).toBe(false);
  for (const place of Object.keys(needed)) expect(existsSync(join(root, place))).toBe(true);
  expect(await run('--check')).toEqual({ code: 0, said: [] });
});

it('holds for the lock file of this repository: no tool of the development is required', async () => {
  writeFileSync(join(root, 'package-lock.json'), readFileSync('package-lock.json'));
  const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8')) as { packages: Record<string, object> };
  for (const place of Object.keys(packages))
    if (place.includes('node_modules/')) mkdirSync(join(root, place), { recursive: true });
  await run();
  const left = (name: string) => existsSync(join(root, 'node_modules', name));
  for (const name of ['express', 'mysql2', '@nestjs/core', '@node-rs/argon2', 'typeorm']) expect(left(name)).toBe(true);
  for (const name of developmentPackages) expect([name, left(name)]).toEqual([name, false]);
});
