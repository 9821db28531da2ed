// Plots as plain SVG: a panel of horizontal bars for each action, readable on light and dark pages.
import type { Spread } from './statistics.js';

export interface Bar {
  readonly name: string;
  readonly kind: 'floor' | 'roam' | 'peer';
  readonly value: Spread;
}

export interface Panel {
  readonly title: string;
  readonly bars: readonly Bar[];
}

const ROW = 20;
const HEAD = 40;
const GAP = 16;
const MARGIN = 16;
const LABELS = 220;
const WIDTH = 880;
/** Of the numbers behind the bars. */
const NUMBERS = 60;

// Contrast with the background of 4.5:1 at least for words and 3:1 for bars (WCAG 2.2, 1.4.3 and 1.4.11), in both themes.
const STYLE = `
    .page { fill: #ffffff } text { fill: #1f2328; font: 12px system-ui, sans-serif } .title { font-weight: 600; font-size: 14px }
    .floor { fill: #6e7781 } .roam { fill: #0969da } .peer { fill: #bc4c00 } .spread { stroke: #1f2328; stroke-width: 1.5 }
    .one { stroke: #6e7781; stroke-dasharray: 3 3 }
    @media (prefers-color-scheme: dark) {
      .page { fill: #0d1117 } text { fill: #e6edf3 } .spread { stroke: #e6edf3 }
      .floor { fill: #8b949e } .roam { fill: #4493f8 } .peer { fill: #db6d28 } .one { stroke: #8b949e }
    }`;

/**
 * Bars from 0; a line shows the least and the greatest of the rounds, a dashed one where the ratio is 1. The legend names the
 * kinds.
 */
export function plot(title: string, panels: readonly Panel[]): string {
  const heights = panels.map(({ bars }) => HEAD + bars.length * ROW);
  const height = MARGIN * 2 + HEAD + heights.reduce((sum, each) => sum + each + GAP, 0);
  let top = MARGIN + HEAD;
  const drawn = panels.map((panel, i) => {
    const text = drawPanel(panel, top);
    top += heights[i] + GAP;
    return text;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${escape(title)}">
  <title>${escape(title)}</title>
  <style>${STYLE}
  </style>
  <rect class="page" width="${WIDTH}" height="${height}" rx="6" />
  <text class="title" x="${MARGIN}" y="${MARGIN + 14}">${escape(title)}</text>
${legend(MARGIN + 30)}
${drawn.join('\n')}
</svg>
`;
}

function legend(y: number): string {
  const kinds = [
    ['floor', 'without a session library'],
    ['roam', 'roam'],
    ['peer', 'other libraries'],
  ] as const;
  return kinds
    .map(
      ([kind, words], i) =>
        `  <rect class="${kind}" x="${MARGIN + i * 190}" y="${y - 10}" width="12" height="12" />` +
        `<text x="${MARGIN + 18 + i * 190}" y="${y}">${words}</text>`,
    )
    .join('\n');
}

function drawPanel({ title, bars }: Panel, top: number): string {
  const left = MARGIN + LABELS;
  const most = Math.max(1, ...bars.map(({ value }) => value.greatest));
  const at = (value: number) => left + ((WIDTH - MARGIN - NUMBERS - left) * value) / most;
  const rows = bars.map(({ name, kind, value }, i) => {
    const y = top + HEAD + i * ROW;
    const words = `${value.median.toFixed(2)}`;
    return (
      `  <text x="${left - 8}" y="${y + 13}" text-anchor="end">${escape(name)}</text>` +
      `<rect class="${kind}" x="${left}" y="${y + 2}" width="${length(at(value.median) - left)}" height="${ROW - 6}" />` +
      `<path class="spread" d="M${length(at(value.least))} ${y + 9}H${length(at(value.greatest))}" />` +
      `<text x="${length(at(value.greatest) + 8)}" y="${y + 13}">${words}</text>`
    );
  });
  const bottom = top + HEAD + bars.length * ROW;
  return [
    `  <text class="title" x="${MARGIN}" y="${top + 24}">${escape(title)}</text>`,
    ...rows,
    `  <path class="one" d="M${length(at(1))} ${top + HEAD - 4}V${bottom}" />`,
  ].join('\n');
}

const length = (value: number) => String(Number(value.toFixed(1)));

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
