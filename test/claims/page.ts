// The rows of docs/security.md.
import { readFileSync } from 'node:fs';

export interface Row {
  readonly number: string;
  readonly state: string;
  /** The tests that it quotes. */
  readonly tests: readonly string[];
}

/** Of all chapters, in the order of the page. */
export function rows(page = readFileSync('docs/security.md', 'utf8')): readonly Row[] {
  return [...page.matchAll(/^\| (\d+\.\d+\.\d+) \| [123] \| ([^|]+) \| (.*) \|$/gm)].map(([, number, state, how]) => ({
    number,
    state,
    tests: [...how.matchAll(/“([^”]+)”/g)].map(([, title]) => title),
  }));
}

/** Also where it is met with an exception or a condition. */
export const isMet = ({ state }: Row): boolean => state.startsWith('met');
