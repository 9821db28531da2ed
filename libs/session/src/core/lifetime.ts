// How long one session and its cookie live: by the site's limits, or shorter where a handler has said so.
import { isDeepStrictEqual } from 'node:util';
import { SessionUsageError } from './errors.js';
import type { SessionRules } from './rules.js';
import type { Stored } from './stored.js';

/** What a handler has shortened. It is stored with the session. */
export interface Expiry {
  /** The session's end, in milliseconds since 1970. */
  readonly endsAt: number;
  /** What the cookie's `maxAge` was set to, in milliseconds; null: it ends with the browser. */
  readonly maxAge: number | null;
}

interface Asked {
  readonly maxAge: number | null;
  /** When it was asked for. */
  readonly at: number;
}

export class Lifetime {
  /** "Keep me signed in": which pair of limits a session that is not stored yet will have. */
  remember = false;
  /** What this request asks for and has not stored yet. */
  private asked: Asked | undefined;
  /** What of that is being stored. */
  private sent: Asked | undefined;
  /** Whether the browser, which holds the session already, must be told its `maxAge`. */
  isReset = false;

  constructor(private readonly rules: SessionRules) {}

  /** @throws SessionUsageError for what is no length of time */
  ask(maxAge: number | null): void {
    if (maxAge !== null && !(Number.isFinite(maxAge) && maxAge >= 1))
      throw new SessionUsageError(
        `cookie.maxAge is a number of milliseconds from 1, or null, not ${String(maxAge)}: ` +
          'to sign out call session.destroy().',
      );
    this.asked = { maxAge: maxAge && Math.trunc(maxAge), at: this.rules.now() };
  }

  /** As it is written now; see `expiry`. Follow it with `settle` when that has succeeded. */
  expiryToStore(stored: Stored | undefined, latest?: number): Expiry | undefined {
    this.sent = this.asked;
    return this.expiry(stored, latest);
  }

  /** What was asked for when the write began is stored, as `expiry`. */
  settle(expiry: Expiry | undefined, before: Expiry | undefined): void {
    if (this.asked === this.sent) this.asked = undefined;
    if (!isDeepStrictEqual(expiry, before)) this.isReset = true;
  }

  /** The limits of the session, which began at `start`. */
  limits(stored: Stored | undefined, start: number): { readonly idleEndsAt: number; readonly endsAt: number } {
    const { idleEndsAt, endsAt } = stored?.record ?? this.rules.lifeFrom(start, this.remember);
    const end = Math.min(endsAt, this.expiry(stored, endsAt)?.endsAt ?? endsAt);
    return { idleEndsAt: Math.min(idleEndsAt, end), endsAt: end };
  }

  /** What `cookie.maxAge` was set to, or is by "keep me signed in": the length of its limit. */
  originalMaxAge(stored: Stored | undefined): number | null {
    const asked = this.asked ?? stored?.expiry;
    if (asked) return asked.maxAge;
    return this.isRemembered(stored) ? this.rules.limits.rememberLifetime : null;
  }

  isRemembered(stored: Stored | undefined): boolean {
    return stored?.remember ?? this.remember;
  }

  /** Whether this request asks for something that is not stored. */
  isAsked(stored: Stored): boolean {
    return this.asked !== undefined && !isDeepStrictEqual(this.expiry(stored), stored.expiry);
  }

  /** Whether the end has moved far enough to be worth a write. */
  isRollDue(stored: Stored): boolean {
    const { rules } = this;
    if (!rules.isRolling || !stored.expiry) return false;
    const { endsAt, maxAge } = stored.expiry;
    return this.expiry(stored)!.endsAt - endsAt >= Math.min(rules.limits.touch, (maxAge ?? Infinity) / 10);
  }

  /**
   * As it is to be stored next; undefined where the site's limits hold.
   * @param latest the end by the site's limits: nothing moves beyond it
   */
  expiry(stored: Stored | undefined, latest: number = stored!.record.endsAt): Expiry | undefined {
    const { asked, rules } = this;
    const before = stored?.expiry;
    if (asked) {
      const endsWithBrowser = before ? before.maxAge === null : !this.isRemembered(stored);
      if (asked.maxAge === null && endsWithBrowser) return before;
      const endsAt = Math.min(asked.at + (asked.maxAge ?? rules.limits.lifetime), before?.endsAt ?? latest);
      return { endsAt, maxAge: asked.maxAge && Math.min(asked.maxAge, before?.maxAge ?? Infinity) };
    }
    if (!rules.isRolling || typeof before?.maxAge !== 'number') return before;
    return { ...before, endsAt: Math.max(before.endsAt, Math.min(latest, rules.now() + before.maxAge)) };
  }
}
