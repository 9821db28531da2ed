// The keys that attempts are counted by: an account in any spelling, and the network of a client.
import { createHash } from 'node:crypto';
import { isIPv6 } from 'node:net';
import { canonicalEmail } from '../users/email.js';

/** The key of a login name: the same for each spelling of it, and not the address itself. */
export function accountKey(email: string): string {
  return digest(canonicalEmail(email));
}

/**
 * The key of an IP address. For IPv6 its first 64 bits: a client has the whole network (RFC 6177). An IPv4 address that
 * is written as IPv6 counts as IPv4.
 */
export function addressKey(ip: string | undefined): string {
  const plain = (ip ?? '').replace(/^::ffff:(?=\d+\.)/i, '');
  return digest(isIPv6(plain) ? network(plain) : plain);
}

function network(ip: string): string {
  const [address = ''] = ip.split('%');
  const [before = '', after] = address.split('::');
  const groups = before === '' ? [] : before.split(':');
  const last = after === undefined || after === '' ? [] : after.split(':');
  // A dotted end stands for two groups.
  const written = groups.length + last.length + (address.includes('.') ? 1 : 0);
  if (after !== undefined) groups.push(...Array<string>(8 - written).fill('0'), ...last);
  return groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':');
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('base64url').slice(0, 32);
}
