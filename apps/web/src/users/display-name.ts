// Names that people choose: of themselves, and of what is theirs.
import { z } from 'zod';
import { invisible, stable } from './email.js';

const maxLength = 100;

/**
 * The profile `Nickname` of PRECIS (RFC 8266, 2.3) without its case mapping: compatible characters are mapped (NFKC), all spaces are
 * plain, one after the other and none at the ends.
 */
export function displayName(text: string): string {
  return stable(text, (name) =>
    name
      .normalize('NFKC')
      // Of emoji: text or picture.
      .replace(/[\ufe0e\ufe0f]/gu, '')
      .replace(/[\t-\r\p{Zs}]+/gu, ' ')
      .replace(/^ | $/g, ''),
  );
}

/** For input; a name may be empty where the form says so. */
export const nameShape = z
  .string()
  .max(maxLength, `Enter a name of at most ${maxLength} characters.`)
  .refine((name) => !invisible.test(name), 'The name contains characters that cannot be shown.');
