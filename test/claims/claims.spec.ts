// The mutations of `npm run test:claims`: each met number of docs/security.md has one, and each fits the code as it is.
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { declaredTests } from '../support/declared-tests.mjs';
import { judge, judgeUnbroken } from './judge.js';
import { mutations } from './mutations.js';
import { isMet, rows } from './page.js';
import type { TestResult } from './run-tests.js';
import { withoutMutation } from './without-mutation.js';

const page = rows();
const named = (...numbers: string[]) => numbers.sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));

describe('the claims of docs/security.md', () => {
  it('have a mutation each, or a reason why there can be none', () => {
    const mutated = new Set(mutations.flatMap(({ numbers }) => numbers));
    const met = page.filter(isMet).map(({ number }) => number);
    expect(met.length).toBeGreaterThan(100);
    expect(met.filter((number) => !mutated.has(number) && !(number in withoutMutation))).toEqual([]);
    expect(Object.keys(withoutMutation).filter((number) => mutated.has(number))).toEqual([]);
    const known = new Set(met);
    expect(named(...mutated, ...Object.keys(withoutMutation)).filter((number) => !known.has(number))).toEqual([]);
  });
});

describe('each mutation', () => {
  it('changes a text that stands once in its file', () => {
    const times = ({ file, replace }: (typeof mutations)[number]) =>
      existsSync(file) ? readFileSync(file, 'utf8').split(replace).length - 1 : 0;
    expect(mutations.filter((mutation) => times(mutation) !== 1).map(({ file, replace }) => [file, replace])).toEqual(
      [],
    );
    expect(mutations.filter(({ replace, by }) => replace === by)).toEqual([]);
  });

  it('is shown by a test that its rows quote, and that its test file runs', () => {
    const declared = declaredTests();
    for (const { numbers, test, in: file, also = [] } of mutations) {
      for (const number of numbers)
        expect([number, page.find((row) => row.number === number)?.tests]).toEqual([
          number,
          expect.arrayContaining([test]),
        ]);
      const runs = declared.filter((one) => one.file === file || one.file.includes('/contract/'));
      for (const title of [test, ...also])
        expect([file, runs.map((one) => one.title)]).toEqual([file, expect.arrayContaining([title])]);
    }
  });
});

describe('a claim', () => {
  const result = (fullName: string, more: Partial<TestResult> = {}): TestResult => ({
    ...{ title: fullName, fullName, passed: true, byAssertion: false, reason: '' },
    ...more,
  });
  const byAssertion = { passed: false, byAssertion: true };

  it('is proved when its test fails by an assertion, in each row of a table or in one', () => {
    expect(judge({ test: 'works' }, [result('group works', byAssertion), result('other')])).toMatchObject({
      proved: true,
    });
    const table = [result('group row 1', byAssertion), result('group row 2')];
    expect(judge({ test: 'row %s' }, table)).toMatchObject({ proved: true });
    expect(judge({ test: 'group' }, table)).toMatchObject({ proved: true });
  });

  it.each([
    ['passes', [result('works')], 'the test passed'],
    [
      'fails by an error',
      [result('works', { passed: false, reason: 'TypeError: x' })],
      'by no assertion: TypeError: x',
    ],
    ['did not run', 'no test ran: Cannot find module', 'no test ran: Cannot find module'],
    [
      'fails with an unrelated one',
      [result('works', byAssertion), result('other', byAssertion)],
      'another test failed',
    ],
  ])('is not proved when its test %s', (_how, results, reason) => {
    expect(judge({ test: 'works' }, results)).toMatchObject({ proved: false, reason: expect.stringContaining(reason) });
  });

  it('may make a test of the same thing fail', () => {
    const results = [result('works', byAssertion), result('works too', byAssertion)];
    expect(judge({ test: 'works', also: ['works too'] }, results)).toMatchObject({ proved: true });
  });

  it('is not proved where the test fails without a mutation', () => {
    expect(judgeUnbroken([result('works')])).toMatchObject({ proved: true });
    expect(judgeUnbroken([result('works', byAssertion)])).toMatchObject({ proved: false });
    expect(judgeUnbroken('no test ran')).toMatchObject({ proved: false });
  });
});
