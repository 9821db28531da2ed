// How a link authenticates: TLS with a key that all servers derive from one secret, or with certificates.
import { hkdfSync } from 'node:crypto';
import type { ConnectionOptions, TlsOptions } from 'node:tls';
import type { LinkSecurity } from './options.js';

const IDENTITY = 'roam-sync-1';
/** Forward secrecy: with a secret that leaks later, no recorded link can be read. Pre-shared keys end at TLS 1.2. */
const PSK = { ciphers: 'ECDHE-PSK-CHACHA20-POLY1305', minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' } as const;

export function keyFor(security: LinkSecurity, purpose: string): Buffer {
  return Buffer.from(hkdfSync('sha256', security.secret, '', `roam sync ${purpose}`, 32));
}

/** @throws TypeError when the secret is too short. */
export function assertSecret({ secret }: LinkSecurity): void {
  if (secret.length < 32)
    throw new TypeError(`The secret of the sync method has ${secret.length} characters; at least 32 are needed.`);
}

export function serverSecurity(security: LinkSecurity): TlsOptions {
  if ('key' in security) {
    const { key, cert, ca } = security;
    return { key, cert, ca, requestCert: true, rejectUnauthorized: true, minVersion: 'TLSv1.3' };
  }
  const psk = keyFor(security, 'link');
  return { ...PSK, pskCallback: (_socket, identity) => (identity === IDENTITY ? psk : null) };
}

export function clientSecurity(security: LinkSecurity): ConnectionOptions {
  // The key, or the authority, says that it is a peer; which one, its hello says.
  const checkServerIdentity = () => undefined;
  if ('key' in security) {
    const { key, cert, ca } = security;
    return { key, cert, ca, rejectUnauthorized: true, minVersion: 'TLSv1.3', checkServerIdentity };
  }
  const psk = keyFor(security, 'link');
  return { ...PSK, pskCallback: () => ({ identity: IDENTITY, psk }), checkServerIdentity };
}
