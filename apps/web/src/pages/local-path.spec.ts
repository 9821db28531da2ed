// Open redirects: whatever is asked for, the answer stays on this site (CWE-601).
import { describe, expect, it } from '@jest/globals';
import { localPath } from './local-path.js';

describe('localPath', () => {
  it.each(['/', '/account', '/account/sessions?x=1', '/cluster'])('keeps %s', (path) => {
    expect(localPath(path)).toBe(path);
  });

  it.each([
    undefined,
    null,
    42,
    ['/account'],
    '',
    'account',
    'https://evil.example/',
    '//evil.example',
    '/\\evil.example',
    '\\\\evil.example',
    '/a\\..\\b',
    '/\tevil',
    '/%0d%0aSet-Cookie:x\r\n',
    `/${'a'.repeat(2_000)}`,
    '/..//evil.example',
    '/./%2e%2e//evil.example',
    'javascript:alert(1)',
  ])('replaces %j', (text) => {
    expect(localPath(text)).toBe('/account');
  });
});
