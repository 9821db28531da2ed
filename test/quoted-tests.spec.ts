// What counts as a test that docs/security.md may quote: one that is declared, was run and passed.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { titlesIn } from './support/declared-tests.mjs';
import { unproved } from './support/quoted-tests.mjs';
import { runNode } from './support/run.js';

jest.setTimeout(60_000);

describe('a test', () => {
  it('is declared by it, test or describe, with a table or without, also where it depends on the machine', () => {
    const source = `
      describe('group', () => { it('plain', f); test('other', f); it.each([1])('row %s', f); it.only('only', f); });
      (isLinux ? it : it.skip)('on Linux', f);`;
    expect(titlesIn(source)).toEqual(['group', 'plain', 'other', 'row %s', 'only', 'on Linux']);
  });

  it('is not declared by a comment, a text, or what is skipped', () => {
    const source = `
      // it('in a comment', f);
      const text = "it('in a text', f)";
      it.skip('skipped', f); xit('left out', f); it.todo('to do'); it.failing('fails', f);
      describe.skip('skipped group', () => { it('inside', f); });`;
    expect(titlesIn(source)).toEqual([]);
  });

  const result = (title: string, status: string) => ({ title, status, fullName: `g ${title}`, ancestorTitles: ['g'] });

  it('that did not run or failed proves nothing, nor one row of a table that failed', () => {
    const results = [
      result('good', 'passed'),
      result('bad', 'failed'),
      result('1 of', 'passed'),
      result('2 of', 'failed'),
    ];
    expect(unproved(['good'], results, false)).toEqual([]);
    expect(unproved(['bad', '%s of', 'none', 'g'], results, false)).toEqual([
      '“bad”: “g bad” is failed',
      '“%s of”: “g 2 of” is failed',
      '“none”: no such test ran',
      '“g”: “g bad” is failed',
    ]);
  });

  it('may be skipped where a machine lacks what it needs, but not in CI', () => {
    const results = [result('in a browser', 'pending')];
    expect(unproved(['in a browser'], results, true)).toEqual([]);
    expect(unproved(['in a browser'], results, false)).toHaveLength(1);
    // Where the same test runs elsewhere too.
    expect(unproved(['in a browser'], [...results, result('in a browser', 'passed')], false)).toEqual([]);
  });
});

describe('a run of all tests', () => {
  let root: string;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'roam-quoted-'));
    const tiers = ['unit', 'processes', 'mysql', 'e2e'].map((displayName) => ({
      displayName,
      rootDir: root,
      transform: {},
      testMatch: [`<rootDir>/test/*.${displayName}.spec.ts`],
    }));
    const reporter = join(process.cwd(), 'test/support/report-quoted-tests.mjs');
    write('package.json', '{}');
    write('jest.config.json', JSON.stringify({ projects: tiers, reporters: [reporter] }));
    for (const { displayName } of tiers) write(`test/a.${displayName}.spec.ts`, "it('works', () => {});");
    for (const folder of ['apps', 'libs']) mkdirSync(join(root, folder));
  });
  afterEach(() => rmSync(root, { recursive: true }));

  function write(file: string, text: string): void {
    mkdirSync(dirname(join(root, file)), { recursive: true });
    writeFileSync(join(root, file), text);
  }

  const run = (...args: string[]) =>
    runNode([
      join(process.cwd(), 'node_modules/jest/bin/jest.js'),
      '--config',
      join(root, 'jest.config.json'),
      '--ci',
      ...args,
    ]);

  it('passes when each quoted test passed, and fails when one was skipped', async () => {
    write('docs/security.md', '“works”');
    expect((await run()).code).toBe(0);
    write('test/a.unit.spec.ts', "const left = it.skip;\nleft('works too', () => {});");
    write('docs/security.md', '“works”, “works too”');
    // Declared once more, where it does not run: only the report tells.
    write('test/contract/shared.ts', "it('works too', () => {});");
    const { code, stderr } = await run();
    expect(stderr).toContain('“works too”: “works too” is pending');
    expect(code).toBe(1);
  });

  it('is the only one that asks for all of them', async () => {
    write('docs/security.md', '“works”');
    expect((await run('-t', 'too')).code).toBe(0);
    expect((await run('--selectProjects', 'unit', '-t', 'too')).code).toBe(0);
  });

  it('is what npm test is', () => {
    expect(readFileSync('jest.config.js', 'utf8')).toContain("'./test/support/report-quoted-tests.mjs'");
  });
});
