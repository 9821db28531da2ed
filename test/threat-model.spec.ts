// docs/threat-model.md: each known defect has a test that runs, by its title.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { declaredTests } from './support/declared-tests.mjs';

const page = readFileSync('docs/threat-model.md', 'utf8');

describe('docs/threat-model.md', () => {
  const rows = page.split('\n').filter((line) => /^\| (CVE-|GHSA-)/.test(line));
  const ofNpmTest = declaredTests().filter(({ file }) => /\.(spec|e2e)\.ts$/.test(file));
  const titles = new Set(ofNpmTest.map(({ title }) => title));

  it('has a row for each defect that roam promises to test', () => {
    const ids = rows.map((row) => /^\| (\S+)/.exec(row)![1]);
    expect(ids).toEqual([
      ...['CVE-2026-35192', 'CVE-2026-27205', 'CVE-2025-48947', 'CVE-2025-64762', 'CVE-2026-39410', 'CVE-2026-30827'],
      ...['CVE-2026-45364', 'CVE-2026-8162', 'CVE-2025-7339', 'GHSA-xg6x-h9c9-2m83'],
      ...['CVE-2025-71400', 'CVE-2026-22751', 'CVE-2026-9802'],
    ]);
  });

  it.each(rows.map((row) => [/^\| (\S+)/.exec(row)![1], row]))('%s: names tests that run, and say so', (id, row) => {
    const named = [...row.matchAll(/“([^”]+)”/g)].map(([, title]) => title);
    expect(named.some((title) => title.includes(id))).toBe(true);
    expect(named.filter((title) => !titles.has(title))).toEqual([]);
  });

  it('describes each boundary of its picture', () => {
    const numbers = [...page.matchAll(/"(\d+) · /g)].map(([, number]) => Number(number));
    const sections = [...page.matchAll(/^### (\d+)\. /gm)].map(([, number]) => Number(number));
    expect(numbers.sort((a, b) => a - b)).toEqual(sections);
  });
});
