// The session of a connection that is no request any more, such as a WebSocket: it is read and changed while it is open.
import type { AnySessions, CarrierContext } from '../carriers/carrier.js';
import { Carried, type AddedHeader } from '../carriers/carrier.js';
import type { Found, Mark, SessionData, SessionRecord } from '../port/records.js';
import type { SessionStore } from '../port/store.js';
import { SessionEndedError, SessionUsageError } from './errors.js';
import type { RepeatSafety } from './repeat-safety.js';
import { RequestSession } from './request-session.js';
import type { SessionInfo } from './session-info.js';
import { VisitorRoom } from './visitor-room.js';

/** What `SessionManager.openUpgrade` gives. */
export class UpgradedSession {
  private readonly callbacks: (() => void)[] = [];
  private ended = false;
  #current: RequestSession;
  readonly #reopen: () => Promise<RequestSession | undefined>;

  constructor(opened: RequestSession, reopen: () => Promise<RequestSession | undefined>) {
    this.#current = opened;
    this.#reopen = reopen;
  }

  get id(): string {
    return this.#current.id;
  }

  /** As it was when it was opened, read or changed last. */
  get info(): SessionInfo {
    return this.#current.info;
  }

  /** Its content at that time: a copy. */
  get content(): SessionData {
    return structuredClone({ ...this.#current.session }) as SessionData;
  }

  get hasEnded(): boolean {
    return this.ended;
  }

  /** Its content now. @throws SessionEndedError, StoreUnavailableError */
  async read(): Promise<SessionData> {
    this.#current = await this.open();
    return this.content;
  }

  /**
   * Changes one key atomically and commits at once: `change` gets the stored value and is called again on the newer one
   * when another request was faster.
   * @throws SessionEndedError, StoreUnavailableError; SessionUsageError where the method has no atomic update (`cookie`,
   * `sync`)
   */
  async update<T>(key: string, change: (value: T | undefined) => T | Promise<T>): Promise<T> {
    const opened = await this.open();
    const value = await opened.update(key, change);
    this.#current = opened;
    return value;
  }

  /**
   * Sets one key, or removes it where `value` is undefined, and commits at once: the later commit wins.
   * @throws SessionEndedError, StoreUnavailableError; SessionUsageError where the browser holds the session itself
   */
  async set(key: string, value: unknown): Promise<void> {
    const opened = await this.open();
    if (value === undefined) delete opened.session![key];
    else opened.session![key] = value;
    await opened.finish();
    this.#current = opened;
  }

  /** Moves the idle limit: what comes over the connection does not do so by itself. */
  async touch(): Promise<void> {
    const opened = await this.open();
    opened.touchNow();
    await opened.finish();
    this.#current = opened;
  }

  /** Called once, within a second of the session's end, just before the connection is closed. */
  onEnd(callback: () => void): void {
    if (this.ended) callback();
    else this.callbacks.push(callback);
  }

  /** Calls what waits for the end. A callback that throws keeps no other from being called. */
  static end(session: UpgradedSession, onError: (error: unknown) => void): void {
    session.ended = true;
    for (const callback of session.callbacks.splice(0)) {
      try {
        callback();
      } catch (error) {
        onError(error);
      }
    }
  }

  private async open(): Promise<RequestSession> {
    const opened = this.ended ? undefined : await this.#reopen();
    if (!opened?.isStored) throw new SessionEndedError('The session has ended.');
    return opened;
  }
}

/** A session on a connection that carries no headers any more. */
class UpgradeCarried extends Carried {
  constructor(
    private readonly store: SessionStore,
    found: Found,
  ) {
    super(store, found);
  }

  look({ id }: SessionRecord, mark?: Mark): Promise<Found | undefined> {
    return this.store.find(id, mark);
  }

  carry(): readonly AddedHeader[] {
    return [];
  }

  async touch(record: SessionRecord, idleEndsAt: number): Promise<SessionRecord> {
    await this.store.touch(record.id, idleEndsAt);
    return { ...record, idleEndsAt };
  }
}

/** Opens the session with this id anew, without a token: that may have been renewed since the connection was opened. */
export function reopener(
  store: AnySessions,
  context: CarrierContext,
  opened: RequestSession,
  repeats: () => RepeatSafety,
): () => Promise<RequestSession | undefined> {
  const { id, attributes } = opened;
  return async () => {
    if (!('find' in store))
      throw new SessionUsageError(
        'The browser holds this session itself, and a connection cannot give it another: read and change it by a request.',
      );
    const found = await store.find(id);
    if (!found || !context.rules.isLive(found)) return undefined;
    const room = new VisitorRoom(() => 0, context.rules.emit);
    const carried = new UpgradeCarried(store, found);
    return new RequestSession(context.rules, carried, repeats(), () => false, attributes, room);
  };
}
