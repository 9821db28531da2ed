// What an answer that has created a session must carry, by the method of the site.
import { expect } from '@jest/globals';
import type { Answer } from '../support/browser.js';
import type { Site } from './describe-samples.js';

/**
 * Requires that the answer sets the session's cookies, each once, with their attributes, beside those of the app.
 * @param others the names of the app's own cookies
 */
export function expectSessionCookies(
  { method }: Site,
  answer: Pick<Answer, 'setCookies'>,
  others: readonly string[] = [],
): void {
  const ours = method === 'cookie' ? ['sid'] : ['sid', 'mark'];
  const nameOf = (line: string) => line.slice(0, line.indexOf('='));
  expect(answer.setCookies.map(nameOf).sort()).toEqual([...ours, ...others].sort());
  for (const line of answer.setCookies.filter((each) => ours.includes(nameOf(each))))
    expect(line).toMatch(/^(?:sid|mark)=[^;]+; Path=\/; HttpOnly; SameSite=Lax$/);
}
