// The site's cookies: one place for their names and attributes, those of the session and the app's own.
import { parseCookies, SiteCookies, type CookieOptions, type CookieSet } from '@roam/session';
import type { Request } from 'express';
import type { Config } from '../config/config.js';

/** For `SessionModule.forRoot`. */
export function cookieOptions(config: Config): CookieOptions {
  return { secure: config.secure };
}

export function cookiesOf(config: Config): CookieSet {
  return new SiteCookies(cookieOptions(config)).of();
}

/**
 * The values of this cookie as the browser has sent them. There may be several, from other hosts or paths: only the caller
 * can tell which one is authentic.
 */
export function readCookies(request: Request, name: string): readonly string[] {
  return parseCookies(request.headers.cookie)[name] ?? [];
}
