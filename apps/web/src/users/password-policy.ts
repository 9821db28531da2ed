// The password policy: long enough, not common, and not made of words that an attacker tries first.
import { dictionary } from '@zxcvbn-ts/language-common';
import { siteName } from '../config/site.js';

export const passwordLength = { min: 8, recommended: 15, max: 128 } as const;

/**
 * The common passwords that are long enough to be chosen: about 18,000, from a list of 49,000 that holds the first
 * 10,000.
 */
const common = new Set(dictionary['passwords-common'].filter((password) => codePoints(password) >= passwordLength.min));

/**
 * Unicode NFKC: one form for characters that keyboards and systems write differently, so that the same password always
 * has the same hash (NIST SP 800-63B-4, 3.1.1.2). Nothing else is changed.
 */
export function normalizedPassword(password: string): string {
  return password.normalize('NFKC');
}

/** Whether the password has an allowed length, counted in Unicode code points after normalisation. */
export function hasPasswordLength(password: string): boolean {
  // The unnormalised length first, so that no megabyte is normalised.
  if (password.length > 4 * passwordLength.max) return false;
  const length = codePoints(normalizedPassword(password));
  return length >= passwordLength.min && length <= passwordLength.max;
}

/** The user whose name and address the password must not consist of. */
export interface PasswordOwner {
  readonly name?: string;
  readonly email?: string;
}

/**
 * The fault of a new password, in words; undefined if it has none. There are no rules about kinds of characters (OWASP
 * ASVS 6.2.5). Without the site's name and the user's name and address, a long enough, uncommon password must be left
 * (6.2.4, 6.2.11).
 */
export function passwordFault(password: string, { name = '', email = '' }: PasswordOwner = {}): string | undefined {
  const { min, max } = passwordLength;
  if (!hasPasswordLength(password))
    return password.length < min || codePoints(normalizedPassword(password)) < min
      ? `Choose a password of at least ${min} characters.`
      : `Choose a password of at most ${max} characters.`;
  const folded = normalizedPassword(password).toLowerCase();
  if (common.has(folded)) return 'This password is too common. Choose another one.';
  const left = ownWords(name, email).reduce((text, word) => text.replaceAll(word, ''), folded);
  if (left !== folded && (codePoints(left) < min || common.has(left)))
    return 'This password is mostly your name, your e-mail address or the name of this site. Choose another one.';
  return undefined;
}

/** Longest first, so that a name inside another leaves nothing of it behind. */
function ownWords(name: string, email: string): string[] {
  const [mailbox = '', domain = ''] = email.split('@');
  const hosts = domain.split('.').slice(0, -1);
  return [siteName, name, mailbox, ...hosts]
    .flatMap((text) => [text, ...text.split(/[^\p{L}\p{N}]+/u)])
    .map((word) => normalizedPassword(word).toLowerCase().trim())
    .filter((word) => codePoints(word) >= 3)
    .sort((a, b) => b.length - a.length);
}

function codePoints(text: string): number {
  return Array.from(text).length;
}
