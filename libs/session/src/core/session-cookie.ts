// `req.session.cookie`: express-session's fields. What a request may change is how soon its session ends.
import { inspect } from 'node:util';
import type { CookieAttributes } from '../carriers/cookies.js';
import { SessionUsageError } from './errors.js';

/** The session behind the cookie. */
export interface CookieOwner {
  readonly attributes: CookieAttributes;
  readonly info: { readonly expiresAt: number };
  readonly maxAge: number | null;
  readonly originalMaxAge: number | null;
  now(): number;
  setMaxAge(milliseconds: number | null): void;
}

const ATTRIBUTES = ['path', 'domain', 'httpOnly', 'secure', 'sameSite', 'partitioned', 'priority'] as const;

/**
 * The token cookie. A request may set `maxAge` or `expires`, which shortens the session too, on all servers; never beyond
 * the site's limits. All else is the site's: a second path or domain would make a twin that nobody can delete.
 */
// eslint-disable-next-line @typescript-eslint/no-unsafe-declaration-merging
export class SessionCookie {
  readonly #owner: CookieOwner;

  constructor(owner: CookieOwner) {
    this.#owner = owner;
    Object.preventExtensions(this);
  }

  /** Milliseconds that the browser keeps the cookie from now on; null: until it is closed. */
  get maxAge(): number | null {
    return this.#owner.maxAge;
  }

  /** @throws SessionUsageError for what is neither a number from 1 nor null */
  set maxAge(milliseconds: number | null) {
    this.#owner.setMaxAge(milliseconds);
  }

  get expires(): Date | null {
    const { maxAge, info } = this.#owner;
    return maxAge === null ? null : new Date(info.expiresAt);
  }

  /** @throws SessionUsageError for a moment that has passed */
  set expires(date: Date | null | false) {
    this.#owner.setMaxAge(date ? date.getTime() - this.#owner.now() : null);
  }

  /** What `maxAge` was set to. */
  get originalMaxAge(): number | null {
    return this.#owner.originalMaxAge;
  }

  toJSON(): object {
    const { originalMaxAge, expires } = this;
    return { originalMaxAge, expires, ...this.#owner.attributes };
  }

  [inspect.custom](): object {
    return this.toJSON();
  }

  static {
    for (const name of ATTRIBUTES)
      Object.defineProperty(this.prototype, name, {
        get(this: SessionCookie) {
          return this.#owner.attributes[name];
        },
        set() {
          throw new SessionUsageError(
            `cookie.${name} cannot be changed by a request, since a second cookie would be left that nothing deletes: ` +
              'set it for the whole site, as the session module\'s option "cookie".',
          );
        },
      });
  }
}

/** Set by `SessionModule.forRoot({ cookie })`. */
// eslint-disable-next-line @typescript-eslint/no-unsafe-declaration-merging, @typescript-eslint/no-empty-object-type
export interface SessionCookie extends Readonly<CookieAttributes> {}
