// Ids made by the web server: UUIDs of version 7 (RFC 9562, 5.7), which sort by the time of their creation.
import { randomUUID } from 'node:crypto';

/** @param now milliseconds since 1970 */
export function uuidV7(now = Date.now()): string {
  const time = now.toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-7${randomUUID().slice(15)}`;
}
