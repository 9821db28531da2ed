// The address of a client is the same in each of its spellings, wherever it is read.
import { describe, expect, it } from '@jest/globals';
import express, { type Request } from 'express';
import fc from 'fast-check';
import { addressKey } from './subjects.js';
import { clientAddresses } from './client-addresses.js';
import { plainAddress } from '../config/plain-address.js';

const app = express();
clientAddresses(app, ['loopback', '64:ff9b::a00:1', '64:ff9b::ac10:0/112']);

function requestOf(remoteAddress: string | undefined, forwardedFor: string, proto = 'https'): Request {
  const headers = { 'x-forwarded-for': forwardedFor, 'x-forwarded-proto': proto };
  return Object.create(app.request, { headers: { value: headers }, socket: { value: { remoteAddress } } }) as Request;
}

/** All ways to write an IPv4 address. */
function spellings(ip: string): string[] {
  const [a = 0, b = 0, c = 0, d = 0] = ip.split('.').map(Number);
  const [high, low] = [(a << 8) | b, (c << 8) | d].map((group) => group.toString(16));
  const [long, longer] = [high, low].map((group) => group.padStart(4, '0'));
  const v6 = ['::ffff:', '64:ff9b::', '0:0:0:0:0:ffff:', '0064:FF9B:0:0:0:0:', '::FFFF:'].flatMap((prefix) => [
    prefix + ip,
    `${prefix}${high}:${low}`,
    `${prefix}${long}:${longer}`.toUpperCase(),
  ]);
  return [ip, `${ip}:5001`, ...v6, ...v6.map((each) => `[${each}]:443`), ...v6.map((each) => `[${each}]`)];
}

const ipv4 = fc.oneof(fc.ipV4(), fc.constantFrom('0.0.0.0', '0.0.1.2', '1.2.0.0', '255.255.255.255'));
const ipv6 = fc.ipV6().filter((ip) => !plainAddress(ip).includes('.'));

describe('plainAddress', () => {
  it('is the same IPv4 address in each spelling', () => {
    fc.assert(
      fc.property(ipv4, (ip) => {
        for (const spelling of spellings(ip)) {
          expect(plainAddress(spelling)).toBe(ip);
          expect(addressKey(spelling)).toBe(addressKey(ip));
        }
      }),
    );
  });

  it('is the same IPv6 address with brackets and port, and its own plain form', () => {
    fc.assert(
      fc.property(ipv6, (ip) => {
        const plain = plainAddress(ip);
        for (const spelling of [plain, `[${ip}]:443`, `[${ip}]`, ip.toUpperCase(), ` ${ip}`])
          expect(plainAddress(spelling)).toBe(plain);
        expect(addressKey(`[${ip}]:443`)).toBe(addressKey(ip));
      }),
    );
  });

  it.each([
    ['[2001:db8::1]:443', '2001:db8::1'],
    ['2001:0DB8:0:0::1', '2001:db8::1'],
    ['fe80::1%eth0', 'fe80::1%eth0'],
    ['::1', '::1'],
    ['::', '::'],
    ['64:ff9b:1::102:304', '64:ff9b:1::102:304'],
    ['unknown', 'unknown'],
    ['', ''],
    ['1.2.3:80', '1.2.3:80'],
    ['[not an address]:80', '[not an address]:80'],
  ])('%s is %s', (text, plain) => {
    expect(plainAddress(text)).toBe(plain);
  });
});

describe('the client of a request', () => {
  it('is the one that the last trusted proxy names, in each spelling of both', () => {
    const client = ipv4.filter((ip) => !/^(127|10|172)\./.test(ip));
    fc.assert(
      fc.property(client, (ip) => {
        for (const spelling of spellings(ip))
          for (const proxy of ['10.0.0.1:9', '::ffff:10.0.0.1', '64:ff9b::a00:1', '64:ff9b::ac10:9']) {
            const request = requestOf('::ffff:127.0.0.1', `6.6.6.6, ${spelling}, ${proxy}`);
            expect(request.ip).toBe(ip);
            expect(request.ips.at(0)).toBe(ip);
          }
      }),
      { numRuns: 20 },
    );
  });

  it('is the connection, if that is no trusted proxy', () => {
    const request = requestOf('::ffff:192.0.2.1', '6.6.6.6');
    expect([request.ip, request.ips, request.protocol]).toEqual(['192.0.2.1', [], 'http']);
    expect(requestOf(undefined, '').ip).toBeUndefined();
  });

  it('has the protocol that a trusted proxy names, in each spelling of the proxy', () => {
    for (const proxy of spellings('10.0.0.1')) expect(requestOf(proxy, '6.6.6.6').protocol).toBe('https');
  });
});
