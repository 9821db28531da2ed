// Addresses and names that look alike: one form for each, and nothing that cannot be seen.
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { domainToASCII } from 'node:url';
import { displayName, nameShape } from './display-name.js';
import { canonicalEmail, emailFault, foldedEmail, invisible, storedForms } from './email.js';

const plain = 'ann@example.org';
const isRefused = (text: string) => emailFault(canonicalEmail(text)) !== undefined;
/** All but what is many and alike: Han, Hangul, what Unicode has not assigned yet, and most of what it never will. */
function* codePoints(): Generator<number> {
  for (let code = 0; code <= 0x1ffff; code += code >= 0x3400 && code <= 0xd7a0 ? 97 : 1) yield code;
  for (let code = 0xe0000; code <= 0xe0fff; code += 1) yield code;
  yield* [0x20000, 0x2f800, 0xf0000, 0x10ffff];
}
/** Any code point, lone surrogates included, and the kinds that matter more often. */
const character = fc.oneof(
  fc.integer({ min: 0, max: 0x10ffff }).map((code) => String.fromCodePoint(code)),
  fc.constantFrom(
    '\u00ad',
    '\u200b',
    '\u200d',
    '\u202e',
    '\u2066',
    '\ufeff',
    '\ud800',
    '\udfff',
    '\u0000',
    '。',
    '．',
    '＠',
    '@',
    '.',
  ),
  fc.constantFrom(...'abcXYZ019-_'),
);
const text = fc.array(character, { maxLength: 5 }).map((characters) => characters.join(''));

describe('the canonical form of an e-mail address', () => {
  it.each([
    '  ANN@Example.ORG ',
    'ann@exa\u00admple.org',
    'ann@ｅｘａｍｐｌｅ.ｏｒｇ',
    'ann@example。org',
    'ann@exa\u200bmple.org',
    'ａｎｎ@example.org',
    'ann@ⓔxample.org',
    'ann@exampl\u{1d5be}.org',
  ])('is that of the mailbox: %j', (spelling) => {
    expect(canonicalEmail(spelling)).toBe(plain);
    expect(isRefused(spelling)).toBe(false);
  });

  it('is one for a domain in Unicode and in Punycode, and keeps letters that are different in domains', () => {
    for (const domain of [
      'exámple.org',
      'exa\u0301mple.org',
      'EXÁMPLE.org',
      'xn--exmple-qta.org',
      'XN--EXMPLE-QTA.ORG',
    ])
      expect(canonicalEmail(`ann@${domain}`)).toBe('ann@exámple.org');
    expect(canonicalEmail('ann@faß.de')).toBe('ann@faß.de');
    expect(canonicalEmail('ann@fass.de')).toBe('ann@fass.de');
  });

  it.each([
    ['a control character', 'an\u0007n@example.org'],
    ['a zero-width space', 'an\u200bn@example.org'],
    ['a soft hyphen', 'an\u00adn@example.org'],
    ['a bidi override', '\u202enna@example.org'],
    ['a bidi isolate', 'ann\u2069@example.org'],
    ['a lone surrogate', 'an\ud800n@example.org'],
    ['a filler without width', 'an\u3164n@example.org'],
    ['a variation selector', 'an\ufe0fn@example.org'],
    ['a line separator', 'an\u2028n@example.org'],
    ['a lone surrogate in the domain', 'ann@exa\udc00mple.org'],
    ['a bidi override in the domain', 'ann@exa\u202emple.org'],
    ['a control character in the domain', 'ann@exa\u0000mple.org'],
    ['a path', 'ann@example.org/..'],
    ['a port', 'ann@example.org:25'],
    ['an escape', 'ann@ex%61mple.org'],
    ['an IP address', 'ann@127.0.0.1'],
    ['an IP address in another spelling', 'ann@0x7f.1'],
    ['a wide @', 'ann＠evil.example@example.org'],
    ['Punycode of nothing', 'ann@xn--a.org'],
    ['a label that is too long', `ann@${'a'.repeat(64)}.org`],
    ['a dot at the end', 'ann@example.org.'],
  ])('is refused with %s', (_, spelling) => {
    expect(isRefused(spelling)).toBe(true);
  });

  it('is the same when it is formed again, whatever was typed', () => {
    fc.assert(
      fc.property(text, text, (local, domain) => {
        const once = canonicalEmail(`${local}@${domain}`);
        expect(canonicalEmail(once)).toBe(once);
      }),
      { numRuns: 4_000 },
    );
  });

  it('has nothing that cannot be seen and no second spelling, where it is not refused', () => {
    let accepted = 0;
    fc.assert(
      fc.property(text, text, (local, middle) => {
        const typed = `a${local}@b${middle}c.org`;
        if (isRefused(typed)) return;
        accepted += 1;
        const canonical = canonicalEmail(typed);
        const [name, domain] = canonical.split('@');
        expect([/\p{Cs}/u.test(canonical), invisible.test(name)]).toEqual([false, false]);
        expect(name).toBe(name.normalize('NFKC').toLowerCase());
        // Mail goes to that domain, and the other spellings of it are the same account.
        const ascii = domainToASCII(domain);
        expect(domainToASCII(typed.trim().split('@').at(-1)!)).toBe(ascii);
        expect(canonicalEmail(`${name}@${ascii.toUpperCase()}`)).toBe(canonical);
      }),
      { numRuns: 4_000 },
    );
    expect(accepted).toBeGreaterThan(100);
  });

  it('has a domain without a character that cannot be seen: code point by code point', () => {
    let accepted = 0;
    for (const code of codePoints()) {
      const canonical = canonicalEmail(`ann@a${String.fromCodePoint(code)}b.org`);
      if (emailFault(canonical) !== undefined) continue;
      accepted += 1;
      if (invisible.test(canonical) || canonical !== canonicalEmail(canonical))
        throw new Error(`U+${code.toString(16)} is not refused: ${canonical}`);
    }
    expect(accepted).toBeGreaterThan(20_000);
  });

  it('comes second to the very address of an account that an earlier release has opened', () => {
    const old = ' Ann@Exa\u00admple.org';
    expect(storedForms(old)).toEqual([foldedEmail(old), plain]);
    expect(storedForms(plain)).toEqual([plain]);
  });
});

describe('a name', () => {
  it.each([
    ['  Ann \t  Example ', 'Ann Example'],
    ['Ann\u00a0\u3000Example', 'Ann Example'],
    ['Ａｎｎ', 'Ann'],
    ['Zoe\u0308', 'Zoë'],
    ['Ann ❤\ufe0f', 'Ann ❤'],
    ['\u00a8', '\u0308'],
    ['محمد', 'محمد'],
  ])('has one form: %j', (typed, name) => {
    expect(displayName(typed)).toBe(name);
    expect(nameShape.safeParse(name).success).toBe(true);
  });

  it('shows every character that it has: code point by code point', () => {
    for (const code of codePoints()) {
      const name = displayName(`A${String.fromCodePoint(code)}b`);
      if (!nameShape.safeParse(name).success) continue;
      if (/[\p{Cc}\p{Cf}\p{Cs}\p{Default_Ignorable_Code_Point}\u2028\u2029]|\s\s|^\s|\s$/u.test(name))
        throw new Error(`U+${code.toString(16)} is not refused`);
    }
    for (const hidden of ['\u0000', '\u200b', '\u202e', '\u2067', '\ufeff', '\ud800', '\u3164', '\u2028'])
      expect(nameShape.safeParse(displayName(`An${hidden}n`)).success).toBe(false);
  });

  it('is the same when it is formed again, whatever was typed', () => {
    fc.assert(
      fc.property(text, (typed) => {
        const once = displayName(typed);
        expect(displayName(once)).toBe(once);
      }),
      { numRuns: 4_000 },
    );
  });
});
