// The life cycle: one request's session, from what the carrier has found to the commit before the first byte.
import type { SessionWriter } from '../port/store.js';
import type { AddedHeader, Carried } from '../carriers/carrier.js';
import type { CookieAttributes } from '../carriers/cookies.js';
import { Commits } from './commits.js';
import type { SessionRules } from './rules.js';
import { Endings } from './endings.js';
import { SessionEndedError, SessionUsageError } from './errors.js';
import { goOnWithFound } from './found.js';
import type { Identity } from './identity.js';
import { toJson } from './json-value.js';
import { changesBetween } from './merge.js';
import { ownNameError } from './own-names.js';
import { assertBearer } from './user-id.js';
import type { RepeatSafety } from './repeat-safety.js';
import { Session, type Bearer } from './session.js';
import { infoOf, type SessionInfo } from './session-info.js';
import type { Stored } from './stored.js';
import { replaced, Shown, tooLate } from './shown.js';
import type { VisitorRoom } from './visitor-room.js';

/** One request's session. Made by `SessionManager.open`. */
export class RequestSession {
  /** Called when `regenerate` or `destroy` puts another session into the place of `session`. */
  onReplace: (session: Session | undefined) => void = () => undefined;
  private commits: Commits;
  private readonly endings: Endings;
  /** The browser's cookies are to go: there is no session any more. */
  private isGone = false;
  /** The response has begun. */
  private closed = false;
  private isKept = false;
  private queue: Promise<unknown> = Promise.resolve();
  private pending = 0;

  /** @param isOver whether it is too late to change anything for this request; asked before each write */
  constructor(
    private readonly rules: SessionRules,
    private readonly carried: Carried,
    private readonly repeats: RepeatSafety,
    readonly isOver: () => boolean,
    readonly attributes: CookieAttributes,
    readonly room: VisitorRoom,
  ) {
    this.commits = this.begin(new Session(this));
    this.endings = new Endings(rules, carried, () => this.commits.shown.object === undefined);
    goOnWithFound(this.commits, carried, rules);
  }

  /** What `req.session` is; undefined after `destroy`. Its content is decoded when it is asked for. */
  get session(): Session | undefined {
    return this.commits.shown.session;
  }

  /** The same object, which may be without its content yet. */
  get object(): Session | undefined {
    return this.commits.shown.object;
  }

  get id(): string {
    return this.commits.stored?.record.id ?? this.commits.identity.id;
  }

  /** Whose session it is, and the epoch of theirs under which it began, or was bound last. */
  get bearer(): { readonly userId: string | null; readonly epoch: number } {
    return this.commits.bearer ?? this.commits.stored?.record ?? { userId: null, epoch: 0 };
  }

  get info(): SessionInfo {
    const info = infoOf(this.commits, this.carried, this.rules.now());
    return this.endings.isPending ? { ...info, endIsPending: true } : info;
  }

  get originalMaxAge(): number | null {
    return this.commits.lifetime.originalMaxAge(this.commits.stored);
  }

  get maxAge(): number | null {
    return this.originalMaxAge === null ? null : Math.max(0, this.info.expiresAt - this.rules.now());
  }

  now(): number {
    return this.rules.now();
  }

  setMaxAge(milliseconds: number | null): void {
    if (this.isTooLate('cookie.maxAge')) return;
    this.assertWritable('cookie.maxAge');
    this.commits.lifetime.ask(milliseconds);
  }

  bind({ userId, epoch, remember }: Bearer): void {
    if (this.isTooLate('bind()')) return;
    this.assertWritable('bind()');
    assertBearer(userId, epoch);
    this.commits.bearer = { userId, epoch };
    // The limits are fixed when a session is created.
    if (remember !== undefined) this.commits.lifetime.remember = remember;
  }

  touchNow(): void {
    if (this.isTooLate('touch()')) return;
    this.commits.wantsTouch = true;
  }

  /** Waits only where an earlier try of this request may have ended the session already. */
  regenerate(): Promise<void> | undefined {
    this.assertWritable('regenerate()');
    this.endings.leave(this.commits);
    const left = this.endings.left?.stored;
    const successor = this.repeats.successorOf(left?.record.id ?? this.carried.lostId);
    const commits = (this.commits = this.begin(new Session(this), successor?.now));
    this.onReplace(this.session);
    if (!successor || left) return undefined;
    return this.serially(async () => {
      const earlier = successor.before();
      if (await this.carried.wasMade(earlier.id)) commits.fresh = earlier;
    });
  }

  /** After the response too: the browser keeps its cookies then, which open nothing. */
  destroy(): Promise<void> {
    this.endings.end(this.commits);
    this.commits = this.begin(undefined);
    this.onReplace(undefined);
    this.isGone = true;
    const ended = this.serially(() => this.endings.settle());
    if (this.closed) ended.catch(() => this.reportLate('destroy()')); // no commit tries again
    return ended;
  }

  reload(): Promise<void> {
    // A copy is not reloaded, even if the store answers again: the token was not checked against the store.
    this.assertWritable('reload()');
    return this.serially(() => this.commits.reload());
  }

  async update<T>(key: string, change: (value: T | undefined) => T | Promise<T>): Promise<T> {
    this.assertWritable('update()');
    const { method, atomicUpdate } = this.carried.sessions.capabilities;
    if (!atomicUpdate) {
      throw new SessionUsageError(
        `The session method "${method}" has no atomic update; ` +
          `set session.${key} instead. The last write of a key then wins.`,
      );
    }
    if (this.isStored) return this.serially(() => this.commits.update(key, change));
    if (!this.session) throw new SessionEndedError('The session has ended, so it cannot be updated.');
    const value = await change(this.session[key] as T | undefined);
    toJson(key, value);
    this.session[key] = value;
    return value;
  }

  /** Commits what changed, if anything did. @throws SessionUsageError for what was changed too late */
  persist(): Promise<void> {
    return this.serially(async () => {
      if (!this.closed) return this.commit();
      this.reportLateChanges();
      this.commits.shown.assertNothingLate();
    });
  }

  /**
   * Commits what was changed, then lifts the session to `epoch` by `put`.
   * @throws SessionEndedError when another request was faster
   */
  lift(userId: string, epoch: number, put: SessionWriter['update']): Promise<void> {
    this.assertWritable('endAll()');
    return this.serially(async () => {
      await this.commit();
      await this.commits.lift({ userId, epoch }, put);
    });
  }

  /**
   * What must happen before the first byte: undefined when that is nothing, as for most requests. What is changed in the
   * session from then on is not kept: see `reportLateChanges`.
   * @param held what the handler has left at `req.session`: nothing signs out
   */
  finish(held: unknown = this.object): Promise<void> | undefined {
    if (!held && this.object) void this.object.destroy();
    const work =
      (held ?? undefined) !== this.object
        ? Promise.reject(replaced())
        : this.isIdle()
          ? this.commits.touch()
          : this.persist();
    if (!work) return void (this.closed = this.isKept = true);
    this.queue = work.catch(() => undefined);
    return work.then(() => void (this.isKept = true)).finally(() => (this.closed = true));
  }

  /** The headers of this response. Call after `finish`. */
  headers(): readonly AddedHeader[] {
    const { stored, fresh, lifetime } = this.commits;
    if (!stored) return this.isGone ? this.carried.carry(undefined) : [];
    const { record, mark } = stored;
    const secret = record.id === fresh?.id ? fresh.secret : undefined;
    return this.carried.carry({ record, mark, secret, maxAge: this.maxAge, isReset: lifetime.isReset });
  }

  /** Tells the app of what was changed after the commit, each key once. */
  reportLateChanges(): void {
    // Where the commit failed, the answer has said that nothing was kept.
    if (this.isKept) this.commits.shown.reportChangesSince(this.commits.stored);
  }

  /** The same for a change of this key. */
  reportLate(key: string): void {
    this.commits.shown.reportLate([key]);
  }

  /** True when there is a stored session whose end would concern an open response. One whose content is damaged is none. */
  get isStored(): boolean {
    return this.session !== undefined && this.commits.stored !== undefined;
  }

  /** True when the stored session that this request used may no longer be used. @throws when the store cannot tell. */
  async hasEnded(): Promise<boolean> {
    return this.isGone || (this.isStored && !(await this.commits.look()));
  }

  /** For a key that would hide one of the session's own names. @throws SessionUsageError */
  refuseName(name: string): void {
    if (!this.isTooLate(name)) throw ownNameError(name);
  }

  /** @throws SessionUsageError when the response has begun */
  assertOpen(call: string): void {
    if (this.isTooLate(call)) throw tooLate([call]);
  }

  // --- the commit

  private isIdle(): boolean {
    const { commits, endings } = this;
    if (!this.object || endings.isDue || commits.bearer || this.pending > 0) return false;
    const { stored, shown } = commits;
    if (!stored) return shown.isEmpty;
    return !this.isRenewalDue(stored) && !commits.lifetime.isAsked(stored) && shown.isAs(stored);
  }

  private async commit(): Promise<void> {
    const { endings } = this;
    if (endings.isDue) await endings.settle();
    const { commits } = this;
    if (this.object === undefined) return;
    const data = commits.shown.data(commits.stored?.data);
    const { stored, bearer } = commits;
    if (!stored) {
      const left = endings.left?.stored;
      if (Object.keys(data).length > 0 || bearer) {
        if (await commits.create(data, left)) endings.left = undefined;
      } else if (left) this.isGone = true;
      return endings.endLeft(commits);
    }
    if (endings.isDue) await endings.endLeft(commits);
    const changes = changesBetween(stored.data, data);
    if (changes.size > 0 || bearer || commits.lifetime.isAsked(stored)) await commits.write(() => changes, data);
    else if (this.isRenewalDue(stored)) await commits.renew();
    else await commits.touch();
  }

  private isRenewalDue(stored: Stored): boolean {
    const { carried, commits } = this;
    return (
      commits.lifetime.isRollDue(stored) || carried.renewed(stored.record, commits.isTouchDue(stored)) !== undefined
    );
  }

  private begin(session: Session | undefined, fresh?: Identity): Commits {
    const { rules, carried, repeats } = this;
    const shown = new Shown(session, (keys) =>
      rules.emit({ type: 'late-change', id: this.id, keys, error: tooLate(keys) }),
    );
    return new Commits(rules, carried, repeats, shown, this.isOver, this.room, fresh);
  }

  /** One after the other: a `save` that nobody awaited is over before the commit begins, which tries again. */
  private serially<T>(act: () => Promise<T>): Promise<T> {
    this.pending++;
    const done = this.queue.then(act).finally(() => this.pending--);
    this.queue = done.catch(() => undefined);
    return done;
  }

  /** For what returns no promise: throwing would end the process, where it is called by a listener of the response. */
  private isTooLate(call: string): boolean {
    if (this.closed) this.commits.shown.reportLate([call]);
    return this.closed;
  }

  /** @throws SessionOutageError where the session can be read only */
  assertWritable(call: string): void {
    this.assertOpen(call);
    this.carried.assertWritable();
  }
}
