// The security headers: on https, on http, and with a nonce per response.
import { describe, expect, it } from '@jest/globals';
import express from 'express';
import supertest from 'supertest';
import { parseSettings } from '../config/parse-settings.js';
import { nonceOf, securityHeaders } from './security-headers.js';

function answer(publicUrl: string) {
  const config = parseSettings({
    DATABASE_URLS: 'mysql://roam:pw@127.0.0.1:3306/roam',
    SESSION_SECRETS: 'Vt7mHq2zLw9sXc4bNk8rYp3eJd6fGa5u',
    PUBLIC_URL: publicUrl,
  });
  const app = express().use(securityHeaders(config), (_request, response) => void response.end(nonceOf(response)));
  return supertest(app).get('/');
}

describe('the security headers', () => {
  it('ASVS 3.4.1: keep browsers on https for a year, subdomains too; on http they say nothing of it', async () => {
    const { headers } = await answer('https://roam.test');
    expect(headers['strict-transport-security']).toBe('max-age=31536000; includeSubDomains');
    expect(headers['content-security-policy']).toContain('upgrade-insecure-requests');
    const plain = (await answer('http://localhost:8080')).headers;
    expect(plain['strict-transport-security']).toBeUndefined();
    expect(plain['content-security-policy']).not.toContain('upgrade-insecure-requests');
  });

  it('ASVS 3.4.3 and 3.4.6: let a page load its own things only, and be framed by nobody', async () => {
    const { headers, text } = await answer('https://roam.test');
    expect(headers['content-security-policy'].split(';').sort()).toEqual([
      "base-uri 'none'",
      "connect-src 'self'",
      "default-src 'none'",
      "form-action 'self'",
      "frame-ancestors 'none'",
      "img-src 'self' data:",
      "object-src 'none'",
      `script-src 'nonce-${text}'`,
      "style-src 'self'",
      'upgrade-insecure-requests',
    ]);
    expect((await answer('https://roam.test')).text).not.toBe(text);
  });

  it('ASVS 3.4.4, 3.4.5, 3.4.8 and 3.5.8: fix the type, tell other sites no address, and keep their windows apart', async () => {
    const { headers } = await answer('https://roam.test');
    expect(headers).toMatchObject({
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'same-origin',
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-resource-policy': 'same-origin',
    });
    // ASVS 3.4.2 and 13.4.6
    for (const absent of ['access-control-allow-origin', 'server']) expect(headers[absent]).toBeUndefined();
  });
});
