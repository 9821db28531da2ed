// The cookies that a site sets: their names, and their attributes.
import { stringifySetCookie } from 'cookie';
import type { AddedHeader, Incoming } from './carrier.js';

/** The attributes that express-session's `cookie` has too. All cookies are `HttpOnly`. */
export interface CookieOptions {
  /** With a domain, its subdomains get the cookies too, and could set them: leave it out unless they need them. */
  readonly domain?: string;
  /** Default: `/`. */
  readonly path?: string;
  /** Default: `lax`. `none` only with `secure: true`. */
  readonly sameSite?: 'lax' | 'strict' | 'none';
  /** Only with `secure: true`. */
  readonly partitioned?: boolean;
  readonly priority?: 'low' | 'medium' | 'high';
  /**
   * Whether the site is on https. `auto` decides for each request, by Express' `request.secure`: a visitor who changes
   * between http and https then has two sessions.
   */
  readonly secure?: boolean | 'auto';
}

export interface SiteCookieOptions extends CookieOptions {
  /** Of the token's cookie, without a prefix. The other cookies' names begin with it. Default: `sid`, and `mark` … */
  readonly name?: string;
}

/** The attributes of each of a site's cookies. */
export interface CookieAttributes extends Omit<CookieOptions, 'secure'> {
  readonly path: string;
  readonly httpOnly: true;
  readonly sameSite: 'lax' | 'strict' | 'none';
  readonly secure: boolean;
}

const DEFAULT_NAME = 'sid';

/** The cookies of one site, on http and on https. */
export class SiteCookies {
  private readonly onHttp: CookieSet;
  private readonly onHttps: CookieSet;
  private readonly secure: boolean | 'auto';

  /** @throws TypeError for what browsers refuse */
  constructor({ name = DEFAULT_NAME, secure, ...attributes }: SiteCookieOptions) {
    if (secure === undefined)
      throw new TypeError('Say whether the site is on https: set cookie.secure to true, false or "auto".');
    this.secure = secure;
    check(name, attributes, secure);
    [this.onHttp, this.onHttps] = [false, true].map((isHttps) => new CookieSet(name, attributes, isHttps));
  }

  /** @param isHttps whether the request came by https; it counts with `secure: 'auto'` only */
  of({ isHttps = false }: Pick<Incoming, 'isHttps'> = {}): CookieSet {
    return (this.secure === 'auto' ? isHttps : this.secure) ? this.onHttps : this.onHttp;
  }
}

/** The cookies of the requests of one kind. */
export class CookieSet {
  readonly attributes: CookieAttributes;
  private readonly prefix: string;
  /** What stands around the values that most responses set: those of the session's cookies that end with the browser. */
  private readonly around: Readonly<Record<string, readonly [before: string, after: string]>>;

  constructor(
    private readonly base: string,
    { path = '/', sameSite = 'lax', ...attributes }: Omit<CookieOptions, 'secure'>,
    secure: boolean,
  ) {
    this.attributes = { path, httpOnly: true, sameSite, secure, ...attributes };
    // Browsers take such names from this host, or by https, only (RFC 6265bis, section 4.1.3).
    const isOfHost = attributes.domain === undefined && path === '/';
    this.prefix = secure ? (isOfHost ? '__Host-' : '__Secure-') : '';
    this.around = Object.fromEntries(['token', 'mark'].map((which) => [which, this.aroundValueOf(which)]));
  }

  /** @param which `token`, `mark`, `standby`, or what the app calls a cookie of its own */
  name(which: string): string {
    const { base, prefix } = this;
    if (which === 'token') return prefix + base;
    return prefix + (base === DEFAULT_NAME ? which : `${base}-${which}`);
  }

  /** The values that the browser has sent. There may be several: only who can tell whether one is authentic may choose. */
  sent({ cookies }: Pick<Incoming, 'cookies'>, which: string): readonly string[] {
    const value = cookies[this.name(which)];
    return value === undefined ? [] : typeof value === 'string' ? [value] : value;
  }

  /**
   * @param value null expires the cookie
   * @param maxAge milliseconds; null for a cookie that ends with the browser
   */
  set(which: string, value: string | null, maxAge: number | null): AddedHeader {
    const around = maxAge === null && value !== null ? this.around[which] : undefined;
    if (around) return { name: 'Set-Cookie', value: around[0] + encodeURIComponent(value!) + around[1] };
    const lifetime = value === null ? { maxAge: 0 } : maxAge === null ? {} : { maxAge: Math.ceil(maxAge / 1000) };
    const header = stringifySetCookie(this.name(which), value ?? '', { ...this.attributes, ...lifetime });
    return { name: 'Set-Cookie', value: header };
  }

  private aroundValueOf(which: string): [string, string] {
    const before = `${this.name(which)}=`;
    return [before, stringifySetCookie(this.name(which), '', this.attributes).slice(before.length)];
  }

  /** Signs the browser out, whichever kind of sessions it holds. */
  expired(): AddedHeader[] {
    return ['token', 'mark'].map((which) => this.set(which, null, null));
  }
}

/** Each cookie's values in the order of the header. Only spaces and tabs surround a name: any other byte is part of it. */
export function parseCookies(header: string | undefined): Record<string, string[]> {
  const cookies = Object.create(null) as Record<string, string[]>;
  for (const pair of header?.split(';') ?? []) {
    const at = pair.indexOf('=');
    if (at > 0) (cookies[trim(pair.slice(0, at))] ??= []).push(trim(pair.slice(at + 1)));
  }
  return cookies;
}

function trim(text: string): string {
  let [start, end] = [0, text.length];
  while (isBlank(text[start])) start++;
  while (end > start && isBlank(text[end - 1])) end--;
  return text.slice(start, end);
}

function isBlank(character: string | undefined): boolean {
  return character === ' ' || character === '\t';
}

function check(name: string, options: Omit<CookieOptions, 'secure'>, secure: CookieOptions['secure']): void {
  if (!/^[A-Za-z0-9_.-]{1,32}$/.test(name) || /^__(Host|Secure)-/i.test(name))
    throw new TypeError(
      `The cookie name ${JSON.stringify(name)} cannot be used: choose up to 32 letters, digits, "_", "." or "-"; ` +
        'a prefix such as __Host- is added where it may stand.',
    );
  const needsHttps = [
    options.sameSite === 'none' && 'sameSite: "none"',
    options.partitioned && 'partitioned: true',
  ].find(Boolean);
  const { path = '/', domain } = options;
  if (!path.startsWith('/')) throw new TypeError(`The cookies' path ${JSON.stringify(path)} must begin with "/".`);
  if (domain === '') throw new TypeError("The cookies' domain is empty: leave it out for the host alone.");
  if (needsHttps && secure !== true)
    throw new TypeError(
      `Browsers refuse cookies with ${needsHttps} that are not Secure: set secure: true, or leave it out.`,
    );
  new CookieSet(name, options, true);
}
