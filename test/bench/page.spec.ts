// The plots, and the part of docs/performance.md that a run writes.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { plotOf, withResults, type Machine } from './page.js';
import { summarize, type Sample } from './summary.js';
import { plot } from './svg.js';

const machine: Machine = {
  ...{ cpu: 'A Processor', cores: 2, memoryBytes: 8 * 2 ** 30, system: 'Linux', node: 'v20.19.0', redis: '8.0.2' },
  mysql: { version: '9.7.4', flushLogAtCommit: 2, syncBinlog: 0 },
  ...{ sessions: 1000, rounds: 5, seconds: 0.8, connections: 30 },
};

const sample = (variant: string, action: Sample['action'], requests: number): Sample => ({
  ...{ topology: 'single', round: 1, variant, action, requests, seconds: 1, cpu: 200_000 },
  ...{ p50: 8, p99: 20, rss: 150e6, statements: requests, commits: 0 },
});
const lines = summarize([
  sample('limit', 'read', 2000),
  sample('mysql', 'read', 1800),
  sample('cookie', 'read', 3000),
  sample('limit', 'large', 1000),
  sample('mysql', 'large', 700),
]);

describe('the page', () => {
  const page = readFileSync('docs/performance.md', 'utf8');
  const written = withResults(page, new Date('2026-11-30T12:00:00Z'), machine, lines);

  it('gets the machine, the plot and the tables; what a person wrote stays', () => {
    expect(written).toContain('Measured on 2026-11-30: A Processor, 2 cores,\n8 GB of memory');
    expect(written).toContain('](images/benchmark-single.svg)');
    expect(written).toContain('| variant | read | large |\n');
    expect(written).toContain('| `mysql` | 0.90 (0.90–0.90) | 0.70 (0.70–0.70) |');
    expect(written).toContain('| `cookie` | 1.50 (1.50–1.50) | — |');
    expect(written.startsWith(page.slice(0, page.indexOf('<!--')))).toBe(true);
    expect(written.endsWith(page.slice(page.indexOf('<!-- to here')))).toBe(true);
  });

  it('can be written again', () => {
    expect(withResults(written, new Date('2026-11-30T12:00:00Z'), machine, lines)).toBe(written);
  });

  it('is refused where it has no place for a run', () => {
    expect(() => withResults('# Performance', new Date(), machine, lines)).toThrow(/has no part between/);
  });
});

describe('a plot', () => {
  const value = { median: 0.9, least: 0.8, greatest: 1 };
  const svg = plot('A < B & "C"', [{ title: 'read', bars: [{ name: '<mysql>', kind: 'roam', value }] }]);

  it('has a bar for each variant, its spread, and words for those who do not see it', () => {
    expect(svg.match(/<rect class="roam"/g)).toHaveLength(2); // the legend's and the bar
    expect(svg).toMatch(/<path class="spread" d="M[\d.]+ [\d.]+H[\d.]+" \/>/);
    expect(svg).toContain('aria-label="A &lt; B &amp; &quot;C&quot;"');
    expect(svg).toContain('&lt;mysql></text>');
  });

  it('is as wide as its ratio, and follows the theme of its reader', () => {
    const two = { median: 2, least: 2, greatest: 2 };
    const widths = plot('', [
      {
        title: '',
        bars: [
          { name: 'a', kind: 'peer', value: two },
          { name: 'b', kind: 'peer', value: { ...two, median: 1, least: 1 } },
        ],
      },
    ]).matchAll(/<rect class="peer" x="236" y="[\d.]+" width="([\d.]+)" height="14"/g);
    const [a, b] = [...widths].map(([, width]) => Number(width));
    expect(a).toBeCloseTo(2 * b, 5);
    expect(svg).toContain('@media (prefers-color-scheme: dark)');
  });

  it('of a topology has a panel for each action, with the variants that were measured in it', () => {
    const drawn = plotOf('single', lines);
    expect(drawn).toContain('read: answers from the session');
    expect(drawn.match(/>cookie</g)).toHaveLength(1);
    expect(drawn.match(/>mysql</g)).toHaveLength(2);
  });
});
