// Whether a browser may have sent a request to a port that is for programs only.
import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';

/**
 * A page of another site can send requests to a port of its reader's network, and read the answers if its own name leads there
 * (DNS rebinding). Such a name has a dot, and browsers say where else a request comes from.
 * @param hosts the names with a dot that are right, in lower case
 */
export function isFromWebPage({ headers }: IncomingMessage, hosts: readonly string[]): boolean {
  if (headers.origin !== undefined) return true;
  if (['cross-site', 'same-site'].includes(String(headers['sec-fetch-site']))) return true;
  const [, v6, name = ''] = /^(?:\[([\da-f:.]+)\]|([\w.-]+))(?::\d{1,5})?$/i.exec(headers.host ?? '') ?? [];
  if (v6 !== undefined) return isIP(v6) === 0;
  // Without a dot it is no public name: localhost, or a name of a container or a machine.
  return !(/^[\w-]+$/.test(name) || isIP(name) !== 0 || hosts.includes(name.toLowerCase()));
}
