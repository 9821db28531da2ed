// The keys that attempts are counted by: the network of a client.
import { createHash } from 'node:crypto';
import { isIPv6 } from 'node:net';
import { limits } from '../config/limits.js';
import { groupsOf, plainAddress } from '../config/plain-address.js';

/**
 * The key of an IP address, the same for each spelling of it. For IPv6 its first 64 bits: a client has the whole network
 * (RFC 6177).
 */
export function addressKey(ip: string | undefined): string {
  const plain = plainAddress(ip ?? '');
  return digest(isIPv6(plain) ? groupsOf(plain).slice(0, 4).join(':') : plain);
}

/**
 * The key by which the attempts of an address are counted. A shared one, such as a gateway's, has `limits.sharedRoom` keys, by
 * what is tried: whoever uses up one of them refuses few others.
 * @param shared in their plain spelling
 */
export function roomKey(ip: string | undefined, shared: readonly string[], subject: string): string {
  const plain = plainAddress(ip ?? '');
  if (!shared.includes(plain)) return addressKey(ip);
  const room = createHash('sha256').update(subject).digest().readUInt32BE() % limits.sharedRoom;
  return digest(`${plain} ${room}`);
}

/** Short enough for a key, and not the text itself. */
export function digest(text: string): string {
  return createHash('sha256').update(text).digest('base64url').slice(0, 32);
}
