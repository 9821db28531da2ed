// Adds headers to the head of a response that Node has rendered already.
import { validateHeaderValue } from 'node:http';
import type { AddedHeader } from '../carriers/carrier.js';

/** A header that is made of the handler's own one. */
export interface MergedHeader {
  readonly name: string;
  /**
   * @param own the values of the handler's headers of this name, joined by commas
   * @returns the value that takes their place; undefined leaves them as they are
   */
  readonly merge: (own: string | undefined) => string | undefined;
}

export function withHeaders(head: string, added: readonly (AddedHeader | MergedHeader)[]): string {
  let rest = head;
  let lines = '';
  for (const header of added) {
    const { name } = header;
    const own = 'merge' in header ? ownLines(rest, name) : [];
    const value = 'merge' in header ? header.merge(joined(own)) : header.value;
    if (value === undefined) continue;
    validateHeaderValue(name, value);
    for (const { line } of own) rest = rest.replace(line, () => '');
    lines += `${name}: ${value}\r\n`;
  }
  // A head ends with an empty line.
  return `${rest.slice(0, -2)}${lines}\r\n`;
}

interface Line {
  readonly line: string;
  readonly value: string;
}

function ownLines(head: string, name: string): Line[] {
  return [...head.matchAll(new RegExp(`(?<=\\n)${name}:[ \\t]*(.*)\\r\\n`, 'gi'))].map(([line, value]) => ({
    line,
    value,
  }));
}

function joined(lines: readonly Line[]): string | undefined {
  return lines.length > 0 ? lines.map(({ value }) => value).join(', ') : undefined;
}
