// The moments on pages, as a browser without JavaScript shows them.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { timeTag } from './time-tag.js';

describe('a moment on a page', () => {
  const iso = '2026-07-01T23:04:05.678Z';

  it('is the same from a date, a number and a text with another zone', () => {
    const tag = `<time datetime="${iso}" data-precision="minute">2026-07-01 23:04 UTC</time>`;
    expect(timeTag(new Date(iso))).toBe(tag);
    expect(timeTag(Date.parse(iso))).toBe(tag);
    expect(timeTag('2026-07-02T01:04:05.678+02:00')).toBe(tag);
  });

  it('shows a day or seconds too', () => {
    expect(timeTag(iso, 'day')).toMatch(/>2026-07-01<\/time>$/);
    expect(timeTag(iso, 'second')).toMatch(/>2026-07-01 23:04:05 UTC<\/time>$/);
  });

  it('is shown by no template in another way', () => {
    const source = 'apps/web/src';
    const templates = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter((name) =>
      name.endsWith('.eta'),
    );
    expect(templates.length).toBeGreaterThan(20);
    const others = templates.filter((name) =>
      /<time\b|\bDate\b|toISOString|<%=[^%]*At\b/.test(readFileSync(join(source, name), 'utf8')),
    );
    expect(others).toEqual([]);
  });
});
