// docs/security.md: every number of the chapters that it promises is there, and every test that it names is declared. That
// these tests ran and passed is checked by a reporter, where all tests are run (support/report-quoted-tests.mjs).
import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { declaredTests } from './support/declared-tests.mjs';
import { quoted } from './support/quoted-tests.mjs';

const page = readFileSync('docs/security.md', 'utf8');

/** How many requirements each section of OWASP ASVS 5.0 has. */
const sections: Readonly<Record<string, number>> = {
  ...{ '3.1': 1, '3.2': 3, '3.3': 5, '3.4': 8, '3.5': 8, '3.6': 1, '3.7': 5 },
  ...{ '6.1': 3, '6.2': 12, '6.3': 8, '6.4': 6, '6.5': 8, '6.6': 4, '6.7': 2, '6.8': 4 },
  ...{ '7.1': 3, '7.2': 4, '7.3': 2, '7.4': 5, '7.5': 3, '7.6': 2 },
  ...{ '9.1': 3, '9.2': 4 },
};

describe('docs/security.md', () => {
  it('has each requirement of V3, V6, V7 and V9 once', () => {
    const rows = [...page.matchAll(/^\| (\d+\.\d+\.\d+) \| [123] \| (met|not met|not applicable)/gm)];
    const numbers = rows.map(([, number]) => number).filter((number) => /^[3679]\./.test(number));
    const expected = Object.entries(sections).flatMap(([section, count]) =>
      Array.from({ length: count }, (_, i) => `${section}.${i + 1}`),
    );
    expect(numbers).toEqual(expected);
  });

  it('names tests that are declared and not skipped', () => {
    const declared = new Set(declaredTests().map(({ title }) => title));
    expect(quoted(page).length).toBeGreaterThan(50);
    expect(quoted(page).filter((title) => !declared.has(title))).toEqual([]);
  });
});
