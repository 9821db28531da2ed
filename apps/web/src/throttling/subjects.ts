// The keys that attempts are counted by: an account in any spelling, and the network of a client.
import { createHash } from 'node:crypto';
import { isIPv6 } from 'node:net';
import { groupsOf, plainAddress } from '../http/plain-address.js';
import { canonicalEmail } from '../users/email.js';

/** The key of a login name: the same for each spelling of it, and not the address itself. */
export function accountKey(email: string): string {
  return digest(canonicalEmail(email));
}

/**
 * The key of an IP address, the same for each spelling of it. For IPv6 its first 64 bits: a client has the whole network
 * (RFC 6177).
 */
export function addressKey(ip: string | undefined): string {
  const plain = plainAddress(ip ?? '');
  return digest(isIPv6(plain) ? groupsOf(plain).slice(0, 4).join(':') : plain);
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('base64url').slice(0, 32);
}
