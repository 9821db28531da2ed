// The code that docs/write-a-session-store.md shows is the code that the contract kit runs on.
import { readFileSync } from 'node:fs';
import { expect, it } from '@jest/globals';

const here = import.meta.dirname;
const page = readFileSync(`${here}/../../../../docs/write-a-session-store.md`, 'utf8');

/** Inside the package the paths are relative; whoever writes a store imports the package. */
const outside: readonly [string, string][] = [
  ["'../index.js'", "'@roam/session'"],
  ["'../testing/index.js'", "'@roam/session/testing'"],
  ['../../dist/example/', './'],
];

it.each(['redis-session-store.ts', 'redis-server.fixture.mjs', 'redis-session-store.processes.spec.ts'])(
  'docs/write-a-session-store.md shows %s as it is',
  (file) => {
    let code = readFileSync(`${here}/${file}`, 'utf8');
    for (const [inside, name] of outside) code = code.replaceAll(inside, name);
    expect(page).toContain(`\n${code}\``);
  },
);
