// The head of a response: the headers that are merged, and no other, are changed.
import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import { NOT_FOR_NETWORKS, NOT_PUBLIC, VARY_COOKIE } from './caching.js';
import { withHeaders } from './head.js';

const head = (lines: readonly string[]) => ['HTTP/1.1 200 OK', ...lines, '', ''].join('\r\n');
const merged = (lines: readonly string[]) => withHeaders(head(lines), [NOT_PUBLIC, NOT_FOR_NETWORKS, VARY_COOKIE]);

it('takes out the header itself, not one whose name ends like it and has its value', () => {
  const lines = ['X-Cache-Control: public, max-age=60', 'Set-Cookie: a=1', 'Cache-Control: public, max-age=60'];
  expect(merged(lines)).toBe(head([...lines.slice(0, 2), 'Cache-Control: private, max-age=60', 'Vary: Cookie']));
});

it('takes out what only content delivery networks heed', () => {
  const lines = ['CDN-Cache-Control: public', 'Edge-CDN-Cache-Control: max-age=9', 'Surrogate-Control: max-age=9'];
  expect(merged(lines)).toBe(head(['Cache-Control: private, no-store', 'Vary: Cookie']));
});

it('leaves every other header as it is, whatever it is', () => {
  const name = fc.constantFrom('X-Vary', 'Vary-X', 'X-Cache-Control', 'X-Surrogate', 'CDN', 'Set-Cookie', 'ETag');
  const value = fc.stringMatching(/^[ -~]{0,20}$/).map((text) => text.trim());
  fc.assert(
    fc.property(fc.array(fc.tuple(name, value)), fc.boolean(), (headers, hasOwn) => {
      const lines = headers.map(([name, value]) => `${name}: ${value}`);
      const own = hasOwn ? ['Cache-Control: public', 'Vary: *'] : [];
      const [, ...now] = merged([...lines, ...own]).split('\r\n');
      expect(now.slice(0, lines.length)).toEqual(lines);
      expect(now.slice(lines.length).filter(Boolean)).toHaveLength(2);
    }),
  );
});
