// Whose attempts are counted together: an account by whatever spelling, an address by what one person can have of it.
import { createHash } from 'node:crypto';
import { isIPv6 } from 'node:net';
import { canonicalEmail } from '../users/email.js';

/** The login name's key: the same for each spelling of it, and not the address itself. */
export function accountKey(email: string): string {
  return digest(canonicalEmail(email));
}

/**
 * The key of an address. Of IPv6 the first 64 bits: whoever has one address has all of those (RFC 6177); an IPv4
 * address written as IPv6 is itself.
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
