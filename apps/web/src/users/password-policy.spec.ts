// The password policy (OWASP ASVS 5.0, V6.2).
import { describe, expect, it } from '@jest/globals';
import { hasPasswordLength, normalizedPassword, passwordFault } from './password-policy.js';

const ann = { name: 'Ann Example', email: 'ann.lee@wonderland.example' };

describe('passwordFault', () => {
  it.each(['correct horse', 'kzfbqmwp', '        x', 'пароль-2-слова', '😀😃😄😁😆😅😂🤣'])(
    'ASVS 6.2.5: takes %j, whatever its characters are',
    (password) => {
      expect(passwordFault(password, ann)).toBeUndefined();
    },
  );

  it('ASVS 6.2.1: wants 8 characters, counted as Unicode code points after NFKC', () => {
    expect(passwordFault('kzfbqmw')).toMatch(/at least 8/);
    // 14 UTF-16 units, 7 characters.
    expect(passwordFault('😀😃😄😁😆😅😂')).toMatch(/at least 8/);
    // 14 code points as decomposed letters, 7 composed ones.
    expect(passwordFault('e\u0301'.repeat(7))).toMatch(/at least 8/);
    // The ligature is three letters.
    expect(passwordFault('kzxqw\ufb03')).toBeUndefined();
  });

  it('ASVS 6.2.9: takes 128 characters of any kind, and says when there are more', () => {
    expect(passwordFault('😀é'.repeat(64))).toBeUndefined();
    expect(passwordFault('ä'.repeat(129))).toMatch(/at most 128/);
    expect(passwordFault('x'.repeat(1_000_000))).toMatch(/at most 128/);
    // One character that NFKC turns into eighteen.
    expect(passwordFault('\ufdfa'.repeat(100))).toMatch(/at most 128/);
  });

  it.each(['password', 'Password1', 'QWERTYUIOP', 'iloveyou', '12345678', 'trustno1', 'ｐａｓｓｗｏｒｄ'])(
    'ASVS 6.2.4: refuses %j, which is common',
    (password) => {
      expect(passwordFault(password)).toMatch(/too common/);
    },
  );

  it.each(['annexample', 'Ann-Lee-2026', 'wonderland-7', 'roamroam', 'RoamPassword1', 'ann lee roam', 'Ann Example'])(
    'ASVS 6.2.11: refuses %j, made of the site’s and the person’s own words',
    (password) => {
      expect(passwordFault(password, ann)).toMatch(/your name/);
    },
  );

  it('lets own words be a part of a good password', () => {
    expect(passwordFault('annabel likes roaming far', ann)).toBeUndefined();
  });
});

describe('hasPasswordLength', () => {
  it('tells what can be nobody’s password, without normalising megabytes', () => {
    expect(hasPasswordLength('correct horse')).toBe(true);
    expect(hasPasswordLength('x'.repeat(10_000_000))).toBe(false);
  });
});

describe('normalizedPassword', () => {
  it('changes neither case nor spaces nor length (ASVS 6.2.8)', () => {
    const password = '  Pässwörd \u{1f511} ';
    expect(normalizedPassword(password)).toBe(password);
    expect(normalizedPassword('e\u0301')).toBe('é');
  });
});
