// XAES-256-GCM gives the standard's own test vectors.
import { describe, expect, it } from '@jest/globals';
import { Xaes256Gcm } from './xaes-256-gcm.js';

describe('XAES-256-GCM', () => {
  const nonce = Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWX');
  const plain = Buffer.from('XAES-256-GCM');

  it.each([
    [0x01, '', 'ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271'],
    [0x03, 'c2sp.org/XAES-256-GCM', '986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d'],
  ])('is the standard: keys of %d', (byte, associated, sealed) => {
    const cipher = new Xaes256Gcm(Buffer.alloc(32, byte));
    expect(cipher.seal(nonce, plain, Buffer.from(associated)).toString('hex')).toBe(sealed);
    expect(cipher.open(nonce, Buffer.from(sealed, 'hex'), Buffer.from(associated))).toEqual(plain);
  });

  it('opens nothing but what it sealed', () => {
    const cipher = new Xaes256Gcm(Buffer.alloc(32, 1));
    const none = Buffer.alloc(0);
    const sealed = cipher.seal(nonce, plain, none);
    expect(cipher.open(nonce, sealed, Buffer.from('other'))).toBeUndefined();
    expect(cipher.open(Buffer.alloc(24), sealed, none)).toBeUndefined();
    expect(cipher.open(nonce, sealed.subarray(1), none)).toBeUndefined();
    expect(cipher.open(nonce, none, none)).toBeUndefined();
    expect(new Xaes256Gcm(Buffer.alloc(32, 2)).open(nonce, sealed, none)).toBeUndefined();
  });
});
