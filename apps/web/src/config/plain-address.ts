// The one spelling of an IP address, however a proxy or a socket writes it.
import { isIP, isIPv6 } from 'node:net';

const withPort = /^(?:\[([^\]]*)\]|([\d.]+))(?::\d{1,5})?$/;
/** The first 96 bits of an IPv4 address as IPv6: IPv4-mapped (RFC 4291), and translated by NAT64 (RFC 6052). */
const embeddings = ['0:0:0:0:0:ffff', '64:ff9b:0:0:0:0'];

/**
 * The address without brackets and port. An IPv4 address that is written as IPv6 is IPv4, and IPv6 has the form of
 * RFC 5952. Any other text is unchanged.
 * @example plainAddress('[::ffff:102:304]:443') // '1.2.3.4'
 */
export function plainAddress(text: string): string {
  const [, inBrackets, v4] = withPort.exec(text.trim()) ?? [];
  const bare = inBrackets ?? v4 ?? text.trim();
  if (!isIPv6(bare)) return isIP(bare) ? bare : text;
  const [address = '', zone] = bare.split('%');
  const groups = groupsOf(address);
  if (embeddings.includes(groups.slice(0, 6).join(':')))
    return groups
      .slice(6)
      .map((group) => Number.parseInt(group, 16))
      .flatMap((group) => [group >> 8, group & 255])
      .join('.');
  return zone === undefined ? canonical(address) : `${canonical(address)}%${zone}`;
}

/** The eight groups of an IPv6 address, in hexadecimal without leading zeros. */
export function groupsOf(ip: string): string[] {
  const [before = '', after] = canonical(ip.split('%')[0] ?? '').split('::');
  const groups = before === '' ? [] : before.split(':');
  if (after === undefined) return groups;
  const last = after === '' ? [] : after.split(':');
  return [...groups, ...Array<string>(8 - groups.length - last.length).fill('0'), ...last];
}

/** The form of RFC 5952, but without a dotted end. */
function canonical(ip: string): string {
  return new URL(`http://[${ip}]`).hostname.slice(1, -1);
}
