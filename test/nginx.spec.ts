// The TLS of the nginx of docker-compose.yml, which no other test of this tier starts.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';

/** The values of a directive, comments left out. */
function directive(name: string): string[] {
  const text = readFileSync('deploy/nginx/nginx.conf', 'utf8').replace(/#.*$/gm, '');
  return [...text.matchAll(new RegExp(`^\\s*${name}\\s+([^;]+);`, 'gm'))].map(([, value]) => value);
}

describe('nginx', () => {
  it('ASVS 12.1.1: offers TLS 1.2 and 1.3 only', () => {
    expect(directive('ssl_protocols')).toEqual(['TLSv1.2 TLSv1.3']);
  });

  it('ASVS 12.1.2: offers ciphers with authentication and forward secrecy only', () => {
    const [ciphers, ...more] = directive('ssl_ciphers');
    expect(more).toEqual([]);
    for (const cipher of ciphers.split(':')) expect(cipher).toMatch(/^ECDHE\+(AESGCM|CHACHA20)$/);
  });

  it('ASVS 14.2.2: caches nothing', () => {
    expect(directive('proxy_cache')).toEqual([]);
    expect(readFileSync('deploy/nginx/server.conf', 'utf8')).not.toMatch(/^\s*proxy_cache\b/m);
  });
});
