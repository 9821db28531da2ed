// The sessions of one server: opens each request's session, and ends, lists and sweeps sessions beside requests.
import { inspect } from 'node:util';
import { Codec } from './core/codec.js';
import { defaultLimits, type SessionEvent, type SessionLimits, type SessionOptions } from './core/options.js';
import { ReadOnlyOutage } from './outage/read-only-outage.js';
import { RequestSession, type SessionContext } from './core/request-session.js';
import { SessionUsageError, StoreUnavailableError } from './core/errors.js';
import { ownerOf, type Session } from './core/session.js';
import {
  hasEpochs,
  hasOtherKind,
  isSealed,
  isSessionIndex,
  liftsSessions,
  type AnySessionStore,
  type OtherKind,
  type SessionCapabilities,
  type SessionData,
  type SessionEpochs,
  type SessionIndex,
} from './port/store.js';
import { createdAt, hashSecret, Tokens } from './core/token.js';

/** One session of a user, for a page that lists them. Times are milliseconds since 1970. */
export interface SessionSummary {
  /** Names the session in `end`; not a secret. */
  readonly id: string;
  readonly createdAt: number;
  /** To within the touch interval. */
  readonly lastSeenAt: number;
  readonly expiresAt: number;
  readonly data: SessionData;
}

/** Ended sessions stay this long before they are swept, so that servers' clocks may differ. */
const SWEEP_DELAY = 10 * 60 * 1000;
const SWEEP_BATCH = 500;

export class SessionManager {
  readonly tokenCookie: string;
  readonly markCookie: string;
  /** Used by the outage policy `read-only` only. */
  readonly standbyCookie: string;
  private readonly context: SessionContext;
  private readonly running = new Set<Promise<void>>();

  constructor(readonly options: SessionOptions) {
    const { secure, secrets, upcasters, now = Date.now } = options;
    const limits = checkedLimits({ ...defaultLimits, ...options.limits });
    const outage =
      options.outage === 'read-only'
        ? new ReadOnlyOutage({ store: options.store, secrets, now, touchMs: limits.touch })
        : undefined;
    const prefix = secure ? '__Host-' : '';
    this.tokenCookie = `${prefix}sid`;
    this.markCookie = `${prefix}mark`;
    this.standbyCookie = `${prefix}standby`;
    this.context = {
      store: outage?.store ?? options.store,
      outage,
      secure,
      now,
      tokens: new Tokens(secrets),
      codec: new Codec(upcasters),
      limits,
      emit: (event: SessionEvent) => this.report(event),
      background: (work) => this.track(work),
    };
  }

  /** Tells the app. Where it does not listen, a mistake of its handlers is a warning of the process. Never throws. */
  report(event: SessionEvent): void {
    const { onEvent } = this.options;
    try {
      if (onEvent) onEvent(event);
      else if (event.type === 'response-error' || event.type === 'late-change')
        process.emitWarning(inspect(event.error), 'SessionWarning');
    } catch (error) {
      process.emitWarning(`onEvent failed: ${inspect(error)}`, 'SessionWarning');
    }
  }

  /** What the store in use promises. */
  get capabilities(): SessionCapabilities {
    return this.context.store.capabilities;
  }

  /** Whether `sessionsOf` and `end` can answer. */
  get listsSessions(): boolean {
    return isSessionIndex(this.context.store);
  }

  /** Whether the use of a stolen token is noticed at all: a sealed one is renewed by nobody but its holder. */
  get noticesTheft(): boolean {
    return !isSealed(this.context.store);
  }

  /** Whether `endAll` can. */
  get endsAllSessions(): boolean {
    return hasEpochs(this.context.store);
  }

  /** True while the store is known not to answer, by the outage policy `read-only`: what must write need not try. */
  get isStoreDown(): boolean {
    return this.context.outage?.isDown ?? false;
  }

  /**
   * The session that these cookies name: at most one read, none at all for what we did not issue.
   * @param standby the copy that the outage policy `read-only` falls back to.
   * @throws StoreUnavailableError when the store cannot tell.
   */
  async open(
    token: string | undefined,
    mark: string | undefined,
    requestId?: string,
    standby?: string,
  ): Promise<RequestSession> {
    const { store } = this.context;
    try {
      const own = await this.openOwn(token, mark, requestId, standby);
      if (own.isStored || token === undefined || !hasOtherKind(store)) return own;
      return (await this.openOther(store, token, mark, requestId)) ?? own;
    } catch (error) {
      const copied = error instanceof StoreUnavailableError && token && this.openCopy(token, mark, standby);
      if (!copied) throw error;
      return copied;
    }
  }

  /** The user's epoch: read it before the password is checked, and give it to `session.bind`. */
  epochOf(userId: string): Promise<number> {
    // Where nothing can raise an epoch, all sessions are of the first.
    return hasEpochs(this.context.store) ? this.context.store.epochOf(userId) : Promise.resolve(0);
  }

  /**
   * The epoch under which this session began or was bound last. A session that takes its place without a new proof of
   * identity is bound to this one, so that "end all sessions" ends it too, also when that comes in between.
   */
  boundEpoch(session: Session): number {
    return ownerOf(session).epoch;
  }

  /** The user's live sessions, newest first. @throws SessionUsageError where the method keeps no list. */
  async sessionsOf(userId: string): Promise<SessionSummary[]> {
    const index = this.index();
    const [records, epoch] = await Promise.all([index.listByUser(userId), index.epochOf(userId)]);
    const { codec, limits, now } = this.context;
    return records
      .filter((record) => record.epoch >= epoch && now() < Math.min(record.idleEndsAt, record.endsAt))
      .flatMap(({ id, payload, idleEndsAt, endsAt }) => {
        const content = codec.decode(payload);
        if (!content) return [];
        const idle = content.remember ? limits.rememberIdle : limits.idle;
        return [{ id, createdAt: createdAt(id), lastSeenAt: idleEndsAt - idle, expiresAt: endsAt, data: content.data }];
      })
      .sort((a, b) => b.createdAt - a.createdAt);
  }

  /** Ends this session of this user; false when the user has no such session. */
  async end(userId: string, id: string): Promise<boolean> {
    const sessions = await this.index().listByUser(userId);
    if (!sessions.some((session) => session.id === id)) return false;
    await this.context.store.destroy(id);
    return true;
  }

  /**
   * Ends all sessions of a user, also one that logs in just now; with `except`, that one lives on.
   * @throws SessionUsageError where the method cannot, SessionEndedError when `except` was ended by another such call.
   */
  async endAll(userId: string, except?: Session): Promise<void> {
    const epochs = this.epochs();
    if (!except) {
      await this.raiseAbove(userId, await this.highestEpoch(userId));
      return;
    }
    ownerOf(except).assertOpen('endAll()');
    const before = await epochs.epochOf(userId);
    // It may have ended since this request began: then it is not to lift itself back over the bar.
    if (ownerOf(except).epoch < before) await except.reload();
    if (await ownerOf(except).liftAbove(userId, before + 1)) return;
    const highest = Math.max(before, await this.highestEpoch(userId));
    // First lifted above the bar, so that the parallel requests of this session are not logged out in between. Not where nobody
    // could tell later who stands above; most such sessions are in tokens, and these requests bring an older one all the same.
    if (this.listsSessions) await except.bind({ userId, epoch: highest + 1 }).save();
    const raised = await this.raiseAbove(userId, highest);
    if (ownerOf(except).epoch !== raised) await except.bind({ userId, epoch: raised }).save();
  }

  /** Of the user's sessions: a fault may have left one lifted above the bar and the others not ended. */
  private async highestEpoch(userId: string): Promise<number> {
    const { store } = this.context;
    if (liftsSessions(store) || !isSessionIndex(store)) return 0;
    return Math.max(0, ...(await store.listByUser(userId)).map(({ epoch }) => epoch));
  }

  /** Raises the bar once, and further where it is not above `epoch` then, as long as the store does raise it. */
  private async raiseAbove(userId: string, epoch: number): Promise<number> {
    const epochs = this.epochs();
    let raised = await epochs.raiseEpoch(userId);
    for (let before = 0; raised <= epoch && raised > before;) {
      before = raised;
      raised = await epochs.raiseEpoch(userId);
    }
    return raised;
  }

  /** Removes one batch of what ended long enough ago; returns how many. Safe on all servers at once. */
  sweep(): Promise<number> {
    return this.context.store.sweep(this.context.now() - SWEEP_DELAY, SWEEP_BATCH);
  }

  /** Resolves when nothing runs any more that outlives its request (touches), and pending logouts were tried. */
  async settled(): Promise<void> {
    while (this.running.size > 0) await Promise.allSettled(this.running);
    await this.context.outage?.settle();
  }

  private async openOwn(
    token: string | undefined,
    mark: string | undefined,
    requestId?: string,
    standby?: string,
  ): Promise<RequestSession> {
    if (isSealed(this.context.store)) {
      const session = new RequestSession(this.context, requestId);
      if (token !== undefined) await session.loadSealed(token);
      return session;
    }
    const opened = token === undefined ? undefined : this.openToken(token);
    const seen = opened && this.context.tokens.openMark(mark, opened.id);
    const session = new RequestSession(this.context, requestId, opened, seen, standby);
    if (opened) await session.load();
    return session;
  }

  /** The session as it was a moment ago, by the outage policy `read-only`; undefined when nothing may be shown. */
  private openCopy(token: string, mark: string | undefined, standby: string | undefined): RequestSession | undefined {
    const { store, outage, tokens } = this.context;
    if (!outage) return undefined;
    const session = new RequestSession(this.context, undefined);
    if (isSealed(store)) {
      const record = store.unseal(token)?.record;
      return record && session.loadSealedCopy(record) ? session : undefined;
    }
    const opened = this.openToken(token);
    const copy = opened && outage.copyOf(opened.id, tokens.openMark(mark, opened.id), standby);
    return copy && session.loadCopy(copy) ? session : undefined;
  }

  /** The session of a token of the other kind, which the response replaces. */
  private async openOther(
    store: AnySessionStore & OtherKind,
    token: string,
    mark: string | undefined,
    requestId: string | undefined,
  ): Promise<RequestSession | undefined> {
    const { tokens, now } = this.context;
    if ('lend' in store) {
      const record = store.other.unseal(token)?.record;
      if (!record || now() >= Math.min(record.idleEndsAt, record.endsAt)) return undefined;
      const opened = { id: record.id, secret: tokens.secretOf(record.id) };
      if (!(await store.lend(record, hashSecret(opened.secret)))) return undefined;
      const session = new RequestSession(this.context, requestId, opened);
      await session.load();
      session.reissue();
      return session;
    }
    const opened = this.openToken(token);
    if (!opened || !isSealed(store)) return undefined;
    const kept = new RequestSession(
      { ...this.context, store: store.other },
      requestId,
      opened,
      tokens.openMark(mark, opened.id),
    );
    await kept.load();
    if (!kept.record) return undefined;
    const session = new RequestSession(this.context, requestId);
    try {
      await session.loadSealed(store.seal(kept.record));
    } catch (error) {
      // Too large for a cookie: it stays where it is.
      if (error instanceof SessionUsageError) return kept;
      throw error;
    }
    session.reissue();
    return session;
  }

  private openToken(token: string) {
    const opened = this.context.tokens.open(token);
    // Past the longest limit there is nothing to read.
    const { lifetime, rememberLifetime } = this.context.limits;
    const ended = opened && this.context.now() >= createdAt(opened.id) + Math.max(lifetime, rememberLifetime);
    return ended ? undefined : opened;
  }

  private epochs(): SessionEpochs {
    const { store } = this.context;
    if (hasEpochs(store)) return store;
    throw new SessionUsageError(`The session method "${store.capabilities.method}" cannot end all sessions of a user.`);
  }

  private index(): AnySessionStore & SessionIndex {
    const { store } = this.context;
    if (isSessionIndex(store)) return store;
    throw new SessionUsageError(
      `The session method "${store.capabilities.method}" keeps no list of a user's sessions.`,
    );
  }

  private track(work: Promise<void>): void {
    const settled = work.catch(() => undefined).finally(() => this.running.delete(settled));
    this.running.add(settled);
  }
}

function checkedLimits(limits: SessionLimits): SessionLimits {
  for (const [name, value] of Object.entries(limits) as [string, number][]) {
    if (!Number.isFinite(value) || value < 0)
      throw new TypeError(`The session limit "${name}" must be a number of milliseconds from 0, not ${value}.`);
  }
  if (limits.touch >= limits.idle)
    throw new TypeError(
      `The touch interval (${limits.touch} ms) must be shorter than the idle limit (${limits.idle} ms).`,
    );
  return limits;
}
