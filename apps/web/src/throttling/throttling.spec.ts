// The rules of throttling: which attempts count together, and how the delays grow (OWASP ASVS 5.0, V6.3).
import { describe, expect, it } from '@jest/globals';
import { delayAfter } from './growing-delay.js';
import { limits } from '../config/limits.js';
import { addressKey, roomKey } from '../http/subjects.js';
import { accountKey } from '../users/account-key.js';

describe('ASVS 6.3.1: delayAfter', () => {
  it('grows from a second to its bound, after some free failures, and never locks for ever', () => {
    const rule = { free: 5, firstMs: 1_000, maxMs: 900_000 };
    const waits = Array.from({ length: 18 }, (_, failures) => delayAfter(failures, rule) / 1_000);
    expect(waits).toEqual([0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900]);
    expect(delayAfter(1_000_000, rule)).toBe(900_000);
  });
});

describe('ASVS 6.3.1: accountKey', () => {
  it('is one for all spellings of a login name, and does not tell it', () => {
    const key = accountKey('ann@exámple.org');
    for (const spelling of ['  ANN@Exámple.org ', 'ann@exa\u0301mple.org', 'Ann@EXÁMPLE.ORG'])
      expect(accountKey(spelling)).toBe(key);
    expect(accountKey('anna@exámple.org')).not.toBe(key);
    expect(key).toMatch(/^[\w-]{32}$/);
  });
});

describe('ASVS 6.3.1: addressKey', () => {
  it.each([
    ['2001:db8:1:2::1', '2001:db8:1:2:ffff:ffff:ffff:ffff'],
    ['2001:db8:1:2::1', '2001:0DB8:0001:0002::'],
    ['fe80::1%eth0', 'fe80::2'],
    ['::1', '0:0:0:0:0:0:0:1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::7'],
    ['1::', '1:0::5'],
    ['64:ff9b::192.0.2.1', '64:ff9b::c000:201'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['::FFFF:C000:0201', '192.0.2.1'],
    ['2001:db8:1:2::192.0.2.1', '2001:db8:1:2::7'],
  ])('is the same for %s and %s (CVE-2026-45364)', (one, other) => {
    expect(addressKey(one)).toBe(addressKey(other));
  });

  it.each([
    ['2001:db8:1:2::1', '2001:db8:1:3::1'],
    ['192.0.2.1', '192.0.2.2'],
    ['::ffff:192.0.2.1', '::ffff:192.0.2.2'],
    ['::ffff:c000:201', '::ffff:c000:202'],
    ['1::2:3:4:5:6:7', '1:2:3:4:5:6:7::'],
  ])('is another for %s and %s (CVE-2026-30827)', (one, other) => {
    expect(addressKey(one)).not.toBe(addressKey(other));
  });
});

describe('roomKey', () => {
  const shared = ['172.18.0.1', '2001:db8::1'];
  const keysOf = (ip: string) => new Set(Array.from({ length: 2_000 }, (_, i) => roomKey(ip, shared, `account ${i}`)));

  it('divides a shared address, in each spelling, into rooms, and one subject is always in the same', () => {
    for (const ip of ['172.18.0.1', '::ffff:172.18.0.1', '2001:DB8:0::1']) {
      expect(keysOf(ip).size).toBe(limits.sharedRoom);
      expect(roomKey(ip, shared, 'ann')).toBe(roomKey(ip, shared, 'ann'));
    }
  });

  it.each(['172.18.0.2', '2001:db8::2', undefined])('is that of the address where it is not shared: %s', (ip) => {
    expect(roomKey(ip, shared, 'ann')).toBe(addressKey(ip));
  });
});
