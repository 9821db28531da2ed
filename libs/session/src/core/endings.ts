// Sessions that must be over before the response begins: signed out, or left by a login.
import type { Carried } from '../carriers/carrier.js';
import type { Json } from '../port/records.js';
import type { Commits } from './commits.js';
import { SessionTooLargeError } from './errors.js';
import type { SessionRules } from './rules.js';
import { sameJson } from './json-value.js';
import { changesBetween } from './merge.js';
import type { Stored } from './stored.js';

export class Endings {
  /** What `regenerate` has left: ended when the new session is stored. */
  left: Commits | undefined;
  /** Whether a session has ended on this server only, and on the others as soon as the store answers. */
  isPending = false;
  private readonly ending: Commits[] = [];

  /** @param isSignOut only a sign-out may wait: a login must not be answered before its old session is over */
  constructor(
    private readonly rules: SessionRules,
    private readonly carried: Carried,
    private readonly isSignOut: () => boolean,
  ) {}

  get isDue(): boolean {
    return this.ending.length > 0 || this.left !== undefined;
  }

  /** The session is left for one that is not stored yet. */
  leave(session: Commits): void {
    if (this.left) this.ending.push(session);
    else this.left = session;
  }

  /** The session, and what it was left for, is to end. */
  end(session: Commits): void {
    this.ending.push(session, ...(this.left ? [this.left] : []));
    this.left = undefined;
  }

  /** Keeps what could not be ended, so that the commit tries again what a handler did not wait for. */
  async settle(): Promise<void> {
    for (let [session] = this.ending; session; [session] = this.ending) {
      const { stored } = session;
      if (stored) {
        session.assertAwaited();
        if (!this.isSignOut()) await this.carried.sessions.destroy(stored.record.id);
        else if (!(await this.carried.signOut(stored.record))) this.isPending = true;
      }
      this.ending.shift();
    }
  }

  /**
   * Ends the session that `regenerate` left. Another request may have changed it since we read it: what was copied to the
   * new session is then brought up to date first, so that a login loses nothing that was acknowledged.
   */
  async endLeft(current: Commits): Promise<void> {
    const left = this.left?.stored;
    if (left) {
      const copied = new Set(Object.keys(left.data).filter((key) => isCopied(current, left, key)));
      for (let old: Stored | undefined = left; old;) old = await this.tryToEnd(old, copied, current);
    }
    this.left = undefined;
  }

  /** @returns the session as another request has changed it, when it has not ended for that */
  private async tryToEnd({ record, data }: Stored, copied: Set<string>, to: Commits): Promise<Stored | undefined> {
    to.assertMayWrite();
    const result = await this.carried.leave(record, copied.size > 0 ? record.version : undefined);
    const current = result.status === 'conflict' ? this.rules.stored(result.current) : undefined;
    if (!current) return undefined;
    const late = [...changesBetween(data, current.data)].filter(
      ([key]) => copied.has(key) || !Object.hasOwn(data, key),
    );
    if (late.length > 0) await this.bringOver(new Map(late), to);
    for (const [key] of late) copied.add(key);
    return current;
  }

  /** What does not fit must not stop a sign-in. */
  private async bringOver(late: ReadonlyMap<string, Json | undefined>, to: Commits): Promise<void> {
    try {
      await to.write(() => late);
    } catch (error) {
      if (!(error instanceof SessionTooLargeError)) throw error;
      this.rules.emit({ type: 'left-out', id: to.stored!.record.id, keys: [...late.keys()] });
    }
  }
}

function isCopied({ stored }: Commits, old: Stored, key: string): boolean {
  const value = stored?.data[key];
  return value !== undefined && sameJson(value, old.data[key]);
}
