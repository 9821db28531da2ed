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

export function withHeaders(head: string, added: readonly (AddedHeader | MergedHeader)[]): string {
  let rest = head;
  let lines = '';
  for (const header of added) {
    const { name } = header;
    const own = new RegExp(`(?<=\\n)${name}:[ \\t]*(.*)\\r\\n`, 'gi');
    const value = 'merge' in header ? header.merge(joined(rest.matchAll(own))) : header.value;
    if (value === undefined) continue;
    if ('merge' in header) rest = rest.replace(own, '');
    if (value === null) continue;
    validateHeaderValue(name, value);
    lines += `${name}: ${value}\r\n`;
  }
  // A head ends with an empty line.
  return `${rest.slice(0, -2)}${lines}\r\n`;
}

function joined(found: Iterable<RegExpMatchArray>): string | undefined {
  const values = [...found].map(([, value]) => value);
  return values.length > 0 ? values.join(', ') : undefined;
}
