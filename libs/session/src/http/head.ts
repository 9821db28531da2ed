// Adds headers to the head of a response that Node has rendered already.
import { validateHeaderValue } from 'node:http';
import type { AddedHeader } from '../carriers/carrier.js';

/** A header that is made of the handler's own one. */
export interface MergedHeader {
  /** A part of a regular expression that matches the whole name. */
  readonly name: string;
  /**
   * @param own the values of the handler's headers of this name, joined by commas
   * @returns the value that takes their place; undefined leaves them as they are, null takes them out
   */
  readonly merge: (own: string | undefined) => string | null | undefined;
}

/** By the name of a merged header: what finds its lines. There are as many names as the code has. */
const patterns = new Map<string, RegExp>();

export function withHeaders(head: string, added: readonly (AddedHeader | MergedHeader)[]): string {
  let rest = head;
  let lines = '';
  for (const header of added) {
    const { name } = header;
    if ('merge' in header) {
      const own = linesOf(name);
      const has = rest.search(own) >= 0;
      const value = header.merge(has ? valuesOf(rest, own) : undefined);
      if (value === undefined) continue;
      if (has) rest = rest.replace(own, '');
      if (value !== null) lines += lineOf(name, value);
    } else {
      lines += lineOf(name, header.value);
    }
  }
  // A head ends with an empty line.
  return `${rest.slice(0, -2)}${lines}\r\n`;
}

function lineOf(name: string, value: string): string {
  validateHeaderValue(name, value);
  return `${name}: ${value}\r\n`;
}

/** Each match begins with the end of the line before. */
function linesOf(name: string): RegExp {
  let pattern = patterns.get(name);
  if (!pattern) patterns.set(name, (pattern = new RegExp(`\\n${name}:[ \\t]*(.*)\\r(?=\\n)`, 'gi')));
  return pattern;
}

function valuesOf(head: string, lines: RegExp): string {
  return [...head.matchAll(lines)].map(([, value]) => value).join(', ');
}
