// One-time passwords against the RFC's own vectors (OWASP ASVS 5.0, V6.5).
import { describe, expect, it } from '@jest/globals';
import { base32, otpauthUri, stepOf, totpCode } from './totp.js';

const secret = Buffer.from('12345678901234567890');

describe('totpCode', () => {
  // RFC 6238, appendix B: the last six of its eight digits.
  it.each([
    [59, '287082'],
    [1111111109, '081804'],
    [1111111111, '050471'],
    [1234567890, '005924'],
    [2000000000, '279037'],
    [20000000000, '353130'],
  ])('is right at %i s', (seconds, code) => {
    expect(totpCode(secret, Math.floor(seconds / 30))).toBe(code);
  });
});

describe('ASVS 6.5.5: stepOf', () => {
  it('takes the code of now and of the steps beside it, and no other', () => {
    const now = 1_234_567_890_000;
    const step = Math.floor(now / 30_000);
    for (const near of [-1, 0, 1]) expect(stepOf(secret, totpCode(secret, step + near), now)).toBe(step + near);
    for (const far of [-2, 2]) expect(stepOf(secret, totpCode(secret, step + far), now)).toBeUndefined();
    for (const odd of ['', '00592', '0059244', 'abcdef', '٠٠٥٩٢٤']) expect(stepOf(secret, odd, now)).toBeUndefined();
  });
});

describe('otpauthUri', () => {
  it('names the site, the account and the secret in base 32', () => {
    // RFC 4648's own vector.
    expect(base32(Buffer.from('foobar'))).toBe('MZXW6YTBOI');
    expect(base32(secret)).toBe('GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ');
    expect(otpauthUri(secret, 'roam', 'ann+x@example.org')).toBe(
      'otpauth://totp/roam:ann%2Bx%40example.org?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=roam',
    );
  });
});
