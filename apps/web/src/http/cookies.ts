// The cookies' names and attributes, and how to read one. On https all names have the `__Host-` prefix, so that no
// other host can set them.
import type { Request } from 'express';
import type { Config } from '../config/config.js';

/** The name of this cookie on this site. */
export function cookieName(config: Config, name: 'sid' | 'mark' | 'csrf' | 'passkey'): string {
  return config.secure ? `__Host-${name}` : name;
}

/** The attributes to set and to delete each of our cookies. */
export function cookieAttributes(config: Config) {
  return { path: '/', httpOnly: true, sameSite: 'lax', secure: config.secure } as const;
}

/** The cookie's value as the browser sent it; the first if there are several. */
export function readCookie(request: Request, name: string): string | undefined {
  for (const pair of (request.headers.cookie ?? '').split(';')) {
    const at = pair.indexOf('=');
    if (at > 0 && pair.slice(0, at).trim() === name) return pair.slice(at + 1).trim();
  }
  return undefined;
}
