// The encryption of stored secrets.
import { describe, expect, it } from '@jest/globals';
import { createCipheriv, hkdfSync } from 'node:crypto';
import { SecretBox } from './secret-box.js';

describe('ASVS 14.2.6: SecretBox', () => {
  const [old, current] = ['old'.repeat(12), 'new'.repeat(12)];
  const secret = Buffer.from('12345678901234567890');
  const box = (...secrets: string[]) => new SecretBox(secrets, 'roam second factor');

  it('opens what it sealed, with a former secret too, for its owner and its purpose only', () => {
    const sealed = box(old).seal('ann', secret);
    expect(sealed.includes(secret)).toBe(false);
    expect(box(old).open('ann', sealed)).toEqual({ secret, isOld: false });
    expect(box(current, old).open('ann', sealed)).toEqual({ secret, isOld: true });
    expect(() => box(current).open('ann', sealed)).toThrow('no key');
    expect(() => box(old).open('bob', sealed)).toThrow('no key');
    expect(() => new SecretBox([old], 'roam outbox').open('ann', sealed)).toThrow('no key');
    sealed[14] ^= 1;
    expect(() => box(old).open('ann', sealed)).toThrow('no key');
  });

  it('opens what was stored before it had a purpose as a parameter', () => {
    const key = Buffer.from(hkdfSync('sha256', old, '', 'roam second factor', 32));
    const cipher = createCipheriv('aes-256-gcm', key, Buffer.alloc(12)).setAAD(Buffer.from('ann'));
    const stored = Buffer.concat([Buffer.alloc(12), cipher.update(secret), cipher.final(), cipher.getAuthTag()]);
    expect(box(old).open('ann', stored).secret).toEqual(secret);
  });
});
