// The cookies that carriers set: their names, and their attributes.
import { stringifySetCookie } from 'cookie';
import type { AddedHeader } from './carrier.js';

/** The names of a site's cookies. On https browsers keep them for this host and for https (RFC 6265bis, 4.1.3). */
export function cookieNames(secure: boolean) {
  const prefix = secure ? '__Host-' : '';
  return { token: `${prefix}sid`, mark: `${prefix}mark`, standby: `${prefix}standby` } as const;
}

/**
 * @param value null expires the cookie
 * @param maxAge milliseconds; null for a cookie that ends with the browser
 */
export function setCookie(
  name: string,
  value: string | null,
  { secure, maxAge }: { readonly secure: boolean; readonly maxAge: number | null },
): AddedHeader {
  const lifetime = value === null ? { maxAge: 0 } : maxAge === null ? {} : { maxAge: Math.ceil(maxAge / 1000) };
  const attributes = { path: '/', httpOnly: true, sameSite: 'lax', secure } as const;
  return { name: 'Set-Cookie', value: stringifySetCookie(name, value ?? '', { ...attributes, ...lifetime }) };
}

/** Signs the browser out, whichever kind of cookies it holds. */
export function expiredCookies(secure: boolean): AddedHeader[] {
  const { token, mark } = cookieNames(secure);
  return [token, mark].map((name) => setCookie(name, null, { secure, maxAge: null }));
}
