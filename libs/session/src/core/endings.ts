// Sessions that must be over before the response begins: signed out, or left by a login.
import type { SessionRecord } from '../port/records.js';
import type { Carried } from '../carriers/carrier.js';
import type { Commits } from './commits.js';
import type { SessionRules } from './rules.js';
import { changesBetween, sameJson } from './merge.js';
import type { Stored } from './stored.js';

export class Endings {
  /** What `regenerate` has left: ended when the new session is stored. */
  left: Stored | undefined;
  /** Whether a session has ended on this server only, and on the others as soon as the store answers. */
  isPending = false;
  private readonly ending: SessionRecord[] = [];

  constructor(
    private readonly rules: SessionRules,
    private readonly carried: Carried,
    private readonly commits: Commits,
  ) {}

  get isDue(): boolean {
    return this.ending.length > 0 || this.left !== undefined;
  }

  /** Leaves the session for one that is not stored yet. */
  leave(stored: Stored | undefined): void {
    if (this.left && stored) this.ending.push(stored.record);
    this.left ??= stored;
  }

  /** The session, and what it was left for, is to end. */
  end(stored: Stored | undefined): void {
    for (const each of [stored, this.left]) if (each) this.ending.push(each.record);
    this.left = undefined;
  }

  /**
   * Keeps what could not be ended, so that the commit tries again what a handler did not wait for.
   * @param isSignOut only a sign-out may wait: a login must not be answered before its old session is over
   */
  async settle(isSignOut: boolean): Promise<void> {
    for (let record = this.ending[0]; record !== undefined; record = this.ending[0]) {
      this.commits.assertAwaited();
      if (!isSignOut) await this.carried.sessions.destroy(record.id);
      else if (!(await this.carried.signOut(record))) this.isPending = true;
      this.ending.shift();
    }
  }

  /**
   * Ends the session that `regenerate` left. Another request may have changed it since we read it: what was carried
   * over is then brought up to date first, so that a login loses nothing that was acknowledged.
   */
  async endLeft(): Promise<void> {
    const { left } = this;
    if (!left) return;
    const carried = new Set(Object.keys(left.data).filter((key) => this.carries(left, key)));
    for (let old: Stored | undefined = left; old;) old = await this.tryToEnd(old, carried);
    this.left = undefined;
  }

  /** @returns the session as another request has changed it, when it has not ended for that */
  private async tryToEnd({ record, data }: Stored, carried: Set<string>): Promise<Stored | undefined> {
    this.commits.assertAwaited();
    const result = await this.carried.leave(record, carried.size > 0 ? record.version : undefined);
    const current = result.status === 'conflict' ? this.rules.stored(result.current) : undefined;
    if (!current) return undefined;
    const late = [...changesBetween(data, current.data)].filter(
      ([key]) => carried.has(key) || !Object.hasOwn(data, key),
    );
    if (late.length > 0) await this.commits.write(() => new Map(late));
    for (const [key] of late) carried.add(key);
    return current;
  }

  private carries(old: Stored, key: string): boolean {
    const value = this.commits.stored?.data[key];
    return value !== undefined && sameJson(value, old.data[key]);
  }
}
