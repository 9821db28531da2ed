// The life cycle: one request's session from the read at its start to the commit before its first byte.
import { createHash, randomInt } from 'node:crypto';
import { nextAttempt } from './attempts.js';
import { toJson, type Codec, type Content } from './codec.js';
import {
  RequestOverError,
  SessionConflictError,
  SessionEndedError,
  SessionUsageError,
  StoreUnavailableError,
} from './errors.js';
import { changedKeys, tooLate, watched } from './late-changes.js';
import { applyChanges, changesBetween, joinWrites, sameJson, type Changes } from './merge.js';
import type { SessionEvent, SessionLimits } from './options.js';
import type { ReadOnlyOutage } from '../outage/read-only-outage.js';
import type { StandbyCopy } from '../outage/standby-copy.js';
import { Session } from './session.js';
import {
  hasEpochs,
  isSealed,
  liftsSessions,
  type AnySessionStore,
  type Found,
  type Json,
  type Mark,
  type SessionData,
  type SessionRecord,
  type SessionSecrets,
  type SessionWriter,
} from '../port/store.js';
import {
  createdAt,
  equal,
  hashSecret,
  newId,
  newSecret,
  REPEATED_WITHIN_MS,
  type OpenToken,
  type Tokens,
} from './token.js';

/** What every request of one server shares. */
export interface SessionContext {
  readonly store: AnySessionStore;
  /** Set by the outage policy `read-only`. */
  readonly outage: ReadOnlyOutage | undefined;
  readonly tokens: Tokens;
  readonly codec: Codec;
  readonly limits: SessionLimits;
  readonly secure: boolean;
  readonly now: () => number;
  readonly emit: (event: SessionEvent) => void;
  /** Lets something run on after the response; the server waits for it before it closes. */
  readonly background: (work: Promise<void>) => void;
}

/** Whose session it is. */
export interface Bearer {
  readonly userId: string;
  /** The user's epoch, read before the proof of identity was checked: "end all sessions" then beats this login. */
  readonly epoch: number;
  /** "Keep me signed in". */
  readonly remember?: boolean;
}

/** Milliseconds since 1970. */
export interface SessionInfo {
  readonly method: string;
  readonly createdAt: number;
  readonly idleExpiresAt: number;
  readonly expiresAt: number;
  /**
   * Set while the store cannot answer, by the outage policy `read-only`: the session is shown as it was at this moment.
   * Any change throws `SessionOutageError`; an identity that is only remembered is not enough for acts of power.
   */
  readonly asOf?: number;
  /** Set after `destroy` when the store could not take it: the browser is logged out, all servers follow later. */
  readonly endIsPending?: true;
}

/** What the response must carry: undefined leaves a cookie as it is, null expires it. */
export interface CookieChanges {
  readonly token?: string | null;
  readonly mark?: string | null;
  /** The copy for an outage; lasts as long as it may be shown. */
  readonly standby?: string | null;
  /** Of token and mark. Milliseconds; null for a cookie that ends with the browser. */
  readonly maxAge: number | null;
}

/** A record as it was read or written last. */
class Stored {
  readonly remember: boolean;
  readonly schema: number;

  /** @param decoded the record's content, where nobody else holds it. */
  constructor(
    readonly record: SessionRecord,
    { remember, schema }: Omit<Content, 'data'>,
    private readonly codec: Codec,
    readonly mark: Mark = String(record.version),
    private decoded?: SessionData,
  ) {
    this.remember = remember;
    this.schema = schema;
  }

  /** Its content, decoded once more: what the handler holds may have been changed in depth. */
  get data(): SessionData {
    return (this.decoded ??= this.codec.decode(this.record.payload)!.data);
  }
}

const NOTHING: Changes = new Map();

/** One request's session. Made by `SessionManager.open`. */
export class RequestSession {
  /** What `req.session` is; undefined after `destroy`. */
  session: Session | undefined;
  /** Called when `regenerate` or `destroy` puts another one there. */
  onReplace: (session: Session | undefined) => void = () => undefined;
  /** Whether it is too late to change anything for this request; asked before each write. */
  isOver: () => boolean = () => false;

  private stored: Stored | undefined;
  /** The session that `regenerate` left behind: ended when the new one is stored. */
  private replaced: Stored | undefined;
  /** Ids of sessions that must be over before the response may begin. */
  private ending: SessionRecord[] = [];
  /** Where this session comes from while the store cannot answer. */
  private copy: StandbyCopy | undefined;
  private endIsPending = false;
  /** When the store was asked at the earliest. */
  private readonly startedAt: number;
  private fresh: OpenToken | undefined;
  private regenerations = 0;
  /** The id in the browser's token, when its session is no more. */
  private lostId: string | undefined;
  private bearer: { userId: string; epoch: number } | undefined;
  private wantsRemember = false;
  private wantsTouch = false;
  private issued: string | null | undefined;
  private touchedTo = 0;
  private writeCount = 0;
  /** The response has begun. */
  private closed = false;
  private isKept = false;
  /** What was changed too late and has been reported. */
  private readonly late = new Set<string>();
  private queue: Promise<unknown> = Promise.resolve();
  private pending = 0;
  private readonly tokenHash: string;

  constructor(
    private readonly context: SessionContext,
    private readonly requestId: string | undefined,
    /** The authentic token that the browser sent; undefined as soon as another session took its place. */
    private token?: OpenToken,
    private readonly seen?: Mark,
    /** The copy for an outage that the browser holds. */
    private readonly standby?: string,
  ) {
    this.startedAt = context.now();
    this.session = new Session(this);
    this.tokenHash = token ? hashSecret(token.secret) : '';
  }

  /** Reads the session of the token: one read. Leaves an empty session when there is none that may be used. */
  async load(): Promise<void> {
    const { store } = this.context;
    if (!this.token || isSealed(store)) return;
    const found = await store.find(this.token.id, this.seen);
    const content = found && this.admit(found);
    if (content) return this.start(found, content);
    if (!found) this.lostId = this.token.id;
    this.token = undefined;
  }

  /** The same where the token is the session. */
  async loadSealed(token: string): Promise<void> {
    const { store } = this.context;
    const unsealed = isSealed(store) ? store.unseal(token) : undefined;
    if (!unsealed || !this.isWithinLimits(unsealed.record)) return;
    const found = (await this.look(unsealed.record)) ?? (await this.leftByEarlierTry(unsealed.record));
    const content = found && this.isLive(found) ? this.decode(found.record) : undefined;
    if (!content) return;
    this.start(found!, content);
    if (unsealed.outdated) this.wantsTouch = true;
  }

  /** A sealed session that an earlier try of this request has left for a new one: this try begins where that one did. */
  private async leftByEarlierTry(record: SessionRecord): Promise<Found | undefined> {
    const { store } = this.context;
    const trace = this.traceOf(record.id);
    if (trace === undefined || (await this.look({ ...record, id: trace }))) return undefined;
    const { userId } = record;
    return { record, userEpoch: userId !== null && hasEpochs(store) ? await store.epochOf(userId) : 0 };
  }

  /** What is ended together with a sealed session, to tell that this request has done it: nobody else knows who has. */
  private traceOf(id: string): string | undefined {
    if (this.requestId === undefined || !isSealed(this.context.store)) return undefined;
    return this.context.tokens.identityFor(`${this.requestId} has left ${id}`, createdAt(id)).id;
  }

  /** Shows the session from this copy, to be read only; false when that cannot be. */
  loadCopy(copy: StandbyCopy): boolean {
    const content = this.decode(copy.record);
    if (!content) return false;
    this.copy = copy;
    this.start(copy, content);
    this.context.emit({ type: 'shown-from-copy', id: copy.record.id });
    return true;
  }

  /** The same where the token is the session: its idle limit tells when it was sealed. */
  loadSealedCopy(record: SessionRecord): boolean {
    const remember = this.decode(record)?.remember;
    if (remember === undefined) return false;
    const copy = this.context.outage?.copyOfSealed(record, record.idleEndsAt - this.idleLimit(remember));
    return copy !== undefined && this.loadCopy(copy);
  }

  /** What `load` found. */
  get record(): SessionRecord | undefined {
    return this.stored?.record;
  }

  /** Has the response carry the session's token, of this server's own kind, whichever kind the browser sent. */
  reissue(): void {
    if (isSealed(this.context.store)) this.wantsTouch = true;
    else if (this.stored && this.token) this.issued = this.context.tokens.seal(this.token.id, this.token.secret);
  }

  private start(found: Pick<Found, 'record' | 'mark'>, content: Content): void {
    this.stored = this.keep(found.record, content, found.mark);
    this.wantsRemember = content.remember;
    Object.assign(this.session!, content.data);
  }

  /** The session as it is now. */
  private look(record: SessionRecord, mark?: Mark): Promise<Found | undefined> {
    const { store } = this.context;
    return isSealed(store) ? store.admit(record) : store.find(record.id, mark);
  }

  get id(): string {
    return this.stored?.record.id ?? this.freshIdentity().id;
  }

  get secure(): boolean {
    return this.context.secure;
  }

  /** The epoch of its user under which it began, or was bound last. */
  get epoch(): number {
    return this.bearer?.epoch ?? this.stored?.record.epoch ?? 0;
  }

  get info(): SessionInfo {
    const { limits, now, store } = this.context;
    const method = store.capabilities.method;
    const pending = this.endIsPending && { endIsPending: true as const };
    if (!this.stored) {
      const start = now();
      const [idle, lifetime] = this.wantsRemember
        ? [limits.rememberIdle, limits.rememberLifetime]
        : [limits.idle, limits.lifetime];
      return { method, createdAt: start, idleExpiresAt: start + idle, expiresAt: start + lifetime, ...pending };
    }
    const { id, idleEndsAt, endsAt } = this.stored.record;
    const idleExpiresAt = Math.min(endsAt, Math.max(idleEndsAt, this.touchedTo));
    const asOf = this.copy && { asOf: this.copy.takenAt };
    return { method, createdAt: createdAt(id), idleExpiresAt, expiresAt: endsAt, ...asOf };
  }

  get cookieMaxAge(): number | null {
    return this.wantsRemember ? Math.max(0, this.info.expiresAt - this.context.now()) : null;
  }

  bind({ userId, epoch, remember }: Bearer): void {
    if (this.isTooLate('bind()')) return;
    this.assertWritable('bind()');
    this.bearer = { userId, epoch };
    if (remember !== undefined) this.remember(remember);
  }

  /**
   * Ends all other sessions of the user in the step that lifts this one to `epoch`, one above theirs. What was changed is
   * committed before.
   * @returns false where the store cannot do that in one step
   * @throws SessionEndedError when another such call was faster
   */
  async liftAbove(userId: string, epoch: number): Promise<boolean> {
    this.assertWritable('endAll()');
    const { store } = this.context;
    if (!liftsSessions(store)) return false;
    await this.serially(async () => {
      await this.commitChanges();
      this.bearer = { userId, epoch };
      try {
        await this.write(
          () => NOTHING,
          this.stored!.data,
          (next, base) => store.updateAbove(next, base),
        );
      } finally {
        // A commit that comes later must not lift it alone: the next end of all sessions would pass it by.
        this.bearer = undefined;
      }
    });
    return true;
  }

  /** The limits are fixed when a session is created: on a stored one this counts from its next `regenerate`. */
  remember(on: boolean): void {
    if (this.isTooLate('cookie.maxAge')) return;
    if (!this.stored) this.wantsRemember = on;
  }

  touchNow(): void {
    if (this.isTooLate('touch()')) return;
    this.wantsTouch = true;
  }

  /** Waits only where an earlier try of this request may have ended the session already. */
  regenerate(): Promise<void> | undefined {
    this.assertWritable('regenerate()');
    if (this.replaced && this.stored) this.ending.push(this.stored.record);
    this.replaced ??= this.stored;
    this.become(new Session(this));
    this.stored = undefined;
    this.token = undefined;
    this.fresh = undefined;
    this.bearer = undefined;
    this.wantsRemember = false;
    const old = this.replaced?.record.id ?? this.lostId;
    if (this.requestId === undefined || old === undefined) return undefined;
    const { tokens, now } = this.context;
    const cause = `${this.requestId} ${old} ${this.regenerations++}`;
    this.fresh = tokens.identityFor(cause, now());
    if (this.replaced) return undefined;
    return this.serially(() => this.preferExisting(tokens.identityFor(cause, now() - REPEATED_WITHIN_MS)));
  }

  /** Takes this identity if it has a session: an earlier try of this request, begun in the step before, has made it. */
  private async preferExisting(earlier: OpenToken): Promise<void> {
    const { store } = this.context;
    try {
      if (!isSealed(store) && (await store.find(earlier.id))) this.fresh = earlier;
    } catch (error) {
      // A login need not fail for what is hardly ever there.
      if (!(error instanceof StoreUnavailableError)) throw error;
    }
  }

  destroy(): Promise<void> {
    this.assertOpen('destroy()');
    for (const stored of [this.stored, this.replaced]) if (stored) this.ending.push(stored.record);
    this.stored = this.replaced = this.token = undefined;
    this.become(undefined);
    this.issued = null;
    return this.serially(() => this.endAll());
  }

  reload(): Promise<void> {
    // Not from the store, should it be back: nobody has looked whether the token is still the session's.
    this.assertWritable('reload()');
    return this.serially(async () => {
      const { stored } = this;
      if (!stored)
        throw new SessionUsageError('This session has not been saved yet, so it cannot be reloaded: save it first.');
      const found = await this.look(stored.record, stored.mark);
      const content = found && this.isLive(found) ? this.decode(found.record) : undefined;
      if (!content) throw new SessionEndedError('The session has ended, so it cannot be reloaded.');
      this.stored = this.keep(found!.record, content, found!.mark);
      this.show(content.data);
    });
  }

  async update<T>(key: string, change: (value: T | undefined) => T | Promise<T>): Promise<T> {
    this.assertWritable('update()');
    if (!this.context.store.capabilities.atomicUpdate) {
      throw new SessionUsageError(
        `The session method "${this.context.store.capabilities.method}" has no atomic update; ` +
          `set session.${key} instead. The last write of a key then wins.`,
      );
    }
    if (!this.stored) {
      const value = await change(this.session?.[key] as T | undefined);
      this.session![key] = value;
      return value;
    }
    // What this call has made of it, also when others have changed it again before their writes were merged.
    let own: { value: Json | undefined } | undefined;
    await this.serially(() => {
      const seen = { ...this.stored!.data };
      return this.write(async (data) => {
        const value = toJson(key, await change(structuredClone(data[key]) as T | undefined));
        own = { value };
        this.session![key] = structuredClone(value);
        if (value === undefined) delete seen[key];
        else seen[key] = value;
        return new Map([[key, value]]);
      }, seen);
    });
    return (own ? structuredClone(own.value) : this.session![key]) as T;
  }

  /** Commits what changed, if anything did. @throws SessionUsageError for what was changed too late */
  persist(): Promise<void> {
    return this.serially(async () => {
      if (!this.closed) return this.commitChanges();
      this.reportLateChanges();
      if (this.late.size > 0) throw tooLate([...this.late]);
    });
  }

  /**
   * What must happen before the first byte: undefined when that is nothing, which is what most requests need. What
   * is changed in the session from then on is not kept: see `reportLateChanges`.
   */
  finish(): Promise<void> | undefined {
    if (!this.copy && this.isIdle()) {
      this.touchIfDue();
      this.closed = this.isKept = true;
      return undefined;
    }
    return this.persist()
      .then(() => void (this.isKept = true))
      .finally(() => (this.closed = true));
  }

  /** Tells the app of what was changed after the commit, each key once. */
  reportLateChanges(): void {
    const { session, stored } = this;
    // Where the commit failed, the answer has said that nothing was kept.
    if (!session || !this.isKept) return;
    if (stored ? !this.isUnchanged(stored) : Object.keys(session).length > 0)
      this.reportLate(changedKeys(stored?.data ?? {}, session));
  }

  /** The session for what still uses it when the response is over: each change is reported. */
  afterResponse(): Session | undefined {
    return this.session && watched(this.session, (key) => this.reportLate([key]));
  }

  private reportLate(keys: Iterable<string>): void {
    const fresh = [...keys].filter((key) => !this.late.has(key));
    if (fresh.length === 0) return;
    for (const key of fresh) this.late.add(key);
    this.context.emit({ type: 'late-change', id: this.id, keys: fresh, error: tooLate(fresh) });
  }

  /** The cookies of this response. Call after `finish`. */
  cookieChanges(): CookieChanges {
    const { outage } = this.context;
    if (this.issued === null) return { token: null, mark: null, ...(outage && { standby: null }), maxAge: null };
    // What is not from the store says nothing new.
    if (this.copy) return { maxAge: null };
    const changes = { maxAge: this.cookieMaxAge, ...(this.issued !== undefined && { token: this.issued }) };
    // A sealed session is as new as its token.
    if (!this.stored || isSealed(this.context.store)) return changes;
    const { record, mark } = this.stored;
    const standby = this.renewedCopy(outage);
    // A new token's browser has seen nothing of the session yet.
    const seen = record.id === this.token?.id ? this.seen : undefined;
    return {
      ...changes,
      ...(standby !== undefined && { standby }),
      ...(mark !== seen && { mark: this.context.tokens.sealMark(record.id, mark) }),
    };
  }

  private renewedCopy(outage: ReadOnlyOutage | undefined): string | null | undefined {
    if (!outage || !this.stored) return undefined;
    const { record, mark } = this.stored;
    const idleEndsAt = Math.max(record.idleEndsAt, this.touchedTo);
    return outage.renew({ record: { ...record, idleEndsAt }, mark, takenAt: this.startedAt }, this.standby);
  }

  /** True when the stored session that this request used may no longer be used. @throws when the store cannot tell. */
  async hasEnded(): Promise<boolean> {
    if (!this.stored) return false;
    if (this.copy) return !this.context.outage?.mayShow(this.copy);
    const found = await this.look(this.stored.record, this.stored.mark);
    return !found || !this.isLive(found);
  }

  /** True when there is a stored session whose end would concern an open response. */
  get isStored(): boolean {
    return this.stored !== undefined;
  }

  // --- at the start: may this record be used with this token?

  private admit(found: Found): Content | undefined {
    const { record } = found;
    if (!this.isLive(found)) return undefined;
    const hash = this.tokenHash;
    const { current, next, previous, previousUntil = 0 } = record.secrets;
    const inGrace = previous !== undefined && equal(hash, previous) && this.context.now() <= previousUntil;
    if (!equal(hash, current) && !(next && equal(hash, next)) && !inGrace) {
      // Only we issue tokens for this id: this one was ours and has been replaced, so somebody kept a copy.
      this.context.emit({ type: 'theft', id: record.id, userId: record.userId });
      this.context.background(this.context.store.destroy(record.id).then(() => undefined));
      return undefined;
    }
    return this.decode(record);
  }

  private isLive({ record, userEpoch }: Found): boolean {
    return this.isWithinLimits(record) && !(record.userId !== null && record.epoch < userEpoch);
  }

  private isWithinLimits({ idleEndsAt, endsAt }: SessionRecord): boolean {
    const now = this.context.now();
    return now < idleEndsAt && now < endsAt;
  }

  private decode(record: SessionRecord): Content | undefined {
    const content = this.context.codec.decode(record.payload);
    if (!content) this.context.emit({ type: 'damaged', id: record.id });
    return content;
  }

  // --- at the end: what changed?

  private isIdle(): boolean {
    if (this.session === undefined || this.replaced || this.bearer || this.pending > 0 || this.ending.length > 0)
      return false;
    const { stored } = this;
    if (!stored) return Object.keys(this.session).length === 0;
    if (isSealed(this.context.store) && this.isTouchDue(stored.record.idleEndsAt, stored.remember)) return false;
    return this.secretsAfter(stored.record, stored.remember) === undefined && this.isUnchanged(stored);
  }

  /** One comparison of strings: only when they differ does anybody look at single keys. */
  private isUnchanged({ record, remember, schema }: Stored): boolean {
    for (const value of Object.values(this.session!)) {
      if (typeof value === 'function' || typeof value === 'symbol' || typeof value === 'bigint') return false;
    }
    try {
      const data = this.session as unknown as SessionData;
      return this.context.codec.encode({ data, remember, schema }) === record.payload;
    } catch {
      return false;
    }
  }

  private content(): SessionData {
    const data: Record<string, Json> = {};
    for (const [key, value] of Object.entries(this.session!)) {
      const json = toJson(key, value);
      if (json !== undefined) data[key] = json;
    }
    return data;
  }

  /** Keeps what could not be ended, so that the commit tries again what a handler did not wait for. */
  private async endAll(): Promise<void> {
    const { store, outage, emit } = this.context;
    for (let ending = this.ending[0]; ending !== undefined; ending = this.ending[0]) {
      this.assertAwaited();
      const { id, endsAt } = ending;
      try {
        await store.destroy(id);
      } catch (error) {
        // Only a logout may wait: a login must not be answered before its old session is over.
        if (!outage || this.session !== undefined || !(error instanceof StoreUnavailableError)) throw error;
        outage.endLater(id, endsAt);
        this.endIsPending = true;
        emit({ type: 'logout-pending', id });
      }
      this.ending.shift();
    }
  }

  private async commitChanges(): Promise<void> {
    await this.endAll();
    if (this.session === undefined) return;
    const data = this.content();
    if (this.copy && changesBetween(this.stored!.data, data).size > 0) throw this.context.outage!.refusal();
    if (this.copy) return;
    if (!this.stored) {
      if (Object.keys(data).length > 0 || this.bearer) await this.create(data);
      else if (this.replaced) this.issued = null;
      await this.endReplaced();
      return;
    }
    const changes = changesBetween(this.stored.data, data);
    if (changes.size > 0 || this.bearer) await this.write(() => changes, data);
    else if (this.secretsAfter(this.stored.record, this.stored.remember)) await this.renew();
    else if (isSealed(this.context.store)) await this.resealIfDue(this.stored);
    else this.touchIfDue();
  }

  private async create(data: SessionData): Promise<void> {
    const { limits, now, codec, store, tokens } = this.context;
    const { id, secret } = this.freshIdentity();
    const remember = this.wantsRemember;
    const start = now();
    const content = { data, remember, schema: codec.schema };
    const record: SessionRecord = {
      id,
      version: 1,
      secrets: { current: hashSecret(secret), since: start },
      payload: codec.encode(content),
      idleEndsAt: start + (remember ? limits.rememberIdle : limits.idle),
      endsAt: start + (remember ? limits.rememberLifetime : limits.lifetime),
      userId: this.bearer?.userId ?? null,
      epoch: this.bearer?.epoch ?? 0,
      writes: [this.nextWriteId()],
    };
    this.assertAwaited();
    const result = await store.create(record, this.replaced?.record);
    if (result.status !== 'done')
      throw new SessionEndedError('The session ended while this request ran; its changes were not kept.');
    if (result.record) await this.goOnWith(this.written(this.keep(record, content), result), record, data);
    else this.stored = this.keep(record, content, result.mark);
    if (result.ended) this.replaced = undefined;
    this.bearer = undefined;
    this.issue(this.stored!.record, () => tokens.seal(id, secret));
  }

  /**
   * A proxy repeats this request, and its first try had made this session: it counts once. Where that one did not get
   * to end the old session, others may have changed that meanwhile, so what this try carries over is newer.
   */
  private async goOnWith(first: Stored, { userId }: SessionRecord, data: SessionData): Promise<void> {
    if (first.record.userId !== userId)
      throw new SessionConflictError('The same request id was used for two users: use a new id for each request.');
    this.stored = first;
    const changes = this.replaced ? changesBetween(first.data, data) : NOTHING;
    if (changes.size > 0) await this.write(() => changes, data);
    else this.show(first.data, changedKeys(data, this.session!));
  }

  /**
   * Ends the session that `regenerate` left. Another request may have changed it since we read it: what was carried
   * over is then brought up to date first, so that a login loses nothing that was acknowledged.
   */
  private async endReplaced(): Promise<void> {
    let old = this.replaced;
    const carried = new Set(old && Object.keys(old.data).filter((key) => this.carries(old!, key)));
    while (old) {
      const { record, data }: Stored = old;
      this.assertAwaited();
      const { store } = this.context;
      const trace = this.traceOf(record.id);
      if (trace !== undefined) await store.destroy(trace);
      const result = await store.destroy(record.id, carried.size > 0 ? record.version : undefined);
      const content = result.status === 'conflict' ? this.decode(result.current) : undefined;
      if (result.status !== 'conflict' || !content) break;
      const late = [...changesBetween(data, content.data)].filter(
        ([key]) => carried.has(key) || !Object.hasOwn(data, key),
      );
      if (late.length > 0) await this.write(() => new Map(late));
      for (const [key] of late) carried.add(key);
      old = this.keep(result.current, content);
    }
    this.replaced = undefined;
  }

  private carries(old: Stored, key: string): boolean {
    const value = this.stored?.data[key];
    return value !== undefined && sameJson(value, old.data[key]);
  }

  /**
   * Compare-and-set: lays the changes over the newest record until nobody was faster. What the session then holds that is
   * not as in `seen` was changed by the handler beside them, and stays in the session.
   */
  private async write(
    changesTo: (data: SessionData) => Changes | Promise<Changes>,
    seen: SessionData = this.stored!.data,
    put: SessionWriter['update'] = (next, base) => this.context.store.update(next, base),
  ): Promise<void> {
    const { emit } = this.context;
    const writeId = this.nextWriteId();
    let base = this.stored!;
    // A proxy repeated this request elsewhere and the first try had committed: it counts once.
    if (base.record.writes.includes(writeId)) return;
    for (let attempt = 0; ; attempt = await nextAttempt(attempt)) {
      const changes = await changesTo(base.data);
      const next = this.successor(base, changes, writeId);
      this.assertAwaited();
      const result = await put(next.record, base.record);
      if (result.status === 'done') {
        if (result.record) emit({ type: 'merged', id: result.record.id });
        return this.adopt(this.written(next, result), seen);
      }
      const current = result.status === 'conflict' ? this.decode(result.current) : undefined;
      if (result.status === 'gone' || !current) {
        emit({ type: 'revival-refused', id: next.record.id });
        throw new SessionEndedError('The session ended while this request ran; its changes were not kept.');
      }
      base = this.keep(result.current, current);
      // The answer to our own write was lost.
      if (base.record.writes.includes(writeId)) return this.adopt(base, seen);
      emit({ type: 'merged', id: base.record.id });
    }
  }

  /** Renewal alone is not worth failing or repeating a request for: the next one tries again. */
  private async renew(): Promise<void> {
    const next = this.successor(this.stored!, NOTHING, this.nextWriteId());
    try {
      this.assertAwaited();
      const result = await this.context.store.update(next.record, this.stored!.record);
      if (result.status === 'done') this.adopt(this.written(next, result), this.stored!.data);
    } catch (error) {
      this.context.emit({ type: 'touch-failed', id: next.record.id, error });
    }
  }

  private successor({ record, remember, schema, data }: Stored, changes: Changes, writeId: string): Stored {
    const { codec, now } = this.context;
    const content = { data: applyChanges(data, changes), remember, schema };
    return this.keep(
      {
        ...record,
        ...this.bearer,
        version: record.version + 1,
        secrets: this.secretsAfter(record, remember) ?? record.secrets,
        payload: codec.encode(content),
        idleEndsAt: Math.max(record.idleEndsAt, now() + this.idleLimit(remember)),
        writes: joinWrites(record.writes, [writeId]),
      },
      content,
      undefined,
      content.data,
    );
  }

  private keep(record: SessionRecord, content: Content, mark?: Mark, decoded?: SessionData): Stored {
    return new Stored(record, content, this.context.codec, mark, decoded);
  }

  /** What the store has made of a write. */
  private written(next: Stored, { record, mark }: { record?: SessionRecord; mark?: Mark }): Stored {
    const content = record && this.decode(record);
    if (record && content) return this.keep(record, content, mark);
    return mark === undefined ? next : this.keep(next.record, next, mark, next.data);
  }

  private adopt(stored: Stored, seen: SessionData): void {
    this.stored = stored;
    this.bearer = undefined;
    if (this.session) this.show(stored.data, changedKeys(seen, this.session));
    this.issue(stored.record);
    this.announceSuccessor(stored.record.secrets);
  }

  /** The token that the response carries; a sealed one changes with its session. */
  private issue(record: SessionRecord, token?: () => string): void {
    const { store } = this.context;
    if (isSealed(store)) this.issued = store.seal(record);
    else if (token) this.issued = token();
  }

  /** Puts this content into the session, apart from these keys; values that are the same keep their identity. */
  private show(data: SessionData, except?: ReadonlySet<string>): void {
    const { session } = this;
    if (!session) return;
    for (const key of Object.keys(session)) if (!Object.hasOwn(data, key) && !except?.has(key)) delete session[key];
    for (const [key, value] of Object.entries(data)) {
      if (except?.has(key)) continue;
      if (!Object.hasOwn(session, key) || !sameJson(session[key] as Json, value)) session[key] = structuredClone(value);
    }
  }

  // --- renewal and touch

  /**
   * The secrets as they must become, or undefined when they stay. A renewal has two steps: the successor is handed
   * out, and takes over when the browser comes back with it; so an answer that is lost logs nobody out.
   */
  private secretsAfter({ secrets, idleEndsAt }: SessionRecord, remember: boolean): SessionSecrets | undefined {
    if (!this.token) return undefined;
    const { limits, now, tokens } = this.context;
    if (secrets.next !== undefined) {
      if (!equal(this.tokenHash, secrets.next)) return undefined;
      const previousUntil = now() + limits.grace;
      return { current: secrets.next, since: secrets.since, previous: secrets.current, previousUntil };
    }
    const due = now() >= secrets.since + limits.renew && this.isTouchDue(idleEndsAt, remember);
    if (!due || !equal(this.tokenHash, secrets.current)) return undefined;
    return { ...secrets, since: now(), next: hashSecret(tokens.successors(this.token)[0]) };
  }

  /** Sends the successor of the token, also once more while the browser has not come back with it. */
  private announceSuccessor({ current, next }: SessionSecrets): void {
    if (!this.token || next === undefined || !equal(this.tokenHash, current)) return;
    const secret = this.context.tokens.successors(this.token).find((candidate) => hashSecret(candidate) === next);
    if (secret) this.issued = this.context.tokens.seal(this.token.id, secret);
  }

  private idleLimit(remember: boolean): number {
    return remember ? this.context.limits.rememberIdle : this.context.limits.idle;
  }

  private isTouchDue(idleEndsAt: number, remember: boolean): boolean {
    return this.wantsTouch || this.context.now() >= idleEndsAt - this.idleLimit(remember) + this.context.limits.touch;
  }

  private touchIfDue(): void {
    if (!this.stored) return;
    const { record, remember } = this.stored;
    this.announceSuccessor(record.secrets);
    if (!this.isTouchDue(record.idleEndsAt, remember)) return;
    const { store, now, emit, background } = this.context;
    this.touchedTo = now() + this.idleLimit(remember);
    // Nobody waits for a touch, and a failed one never fails a request.
    const failed = (error: unknown) => emit({ type: 'touch-failed', id: record.id, error });
    background(store.touch(record.id, this.touchedTo).catch(failed));
  }

  /**
   * The touch of a sealed session. It looks once more whether the session has ended since the request began: the token
   * of a session that a login has left would take the place of the new one's.
   */
  private async resealIfDue(stored: Stored): Promise<void> {
    const { record, remember } = stored;
    if (!this.isTouchDue(record.idleEndsAt, remember)) return;
    const idleEndsAt = Math.max(record.idleEndsAt, this.context.now() + this.idleLimit(remember));
    try {
      const found = await this.look(record);
      if (!found || !this.isLive(found)) return;
      this.stored = this.keep({ ...record, idleEndsAt }, stored);
      this.issue(this.stored.record);
    } catch (error) {
      this.context.emit({ type: 'touch-failed', id: record.id, error });
    }
  }

  // --- small things

  /** One after the other: a `save` that nobody awaited is over before the commit begins, which tries again. */
  private serially(act: () => Promise<void>): Promise<void> {
    this.pending++;
    const done = this.queue.then(act).finally(() => this.pending--);
    this.queue = done.catch(() => undefined);
    return done;
  }

  private become(session: Session | undefined): void {
    this.session = session;
    this.onReplace(session);
  }

  private freshIdentity(): OpenToken {
    return (this.fresh ??= { id: newId(this.context.now()), secret: newSecret() });
  }

  /** Random, or the same for every try of one request, so that what a proxy repeats counts once. */
  private nextWriteId(): string {
    const count = this.writeCount++;
    // 48 random bits: to be told from the other writes of one record.
    if (this.requestId === undefined) return randomInt(2 ** 48 - 1).toString(36);
    return createHash('sha256').update(`${this.requestId} ${count}`).digest().toString('base64url', 0, 8);
  }

  /** For what returns no promise: throwing would end the process, where it is called by a listener of the response. */
  private isTooLate(call: string): boolean {
    if (this.closed) this.reportLate([call]);
    return this.closed;
  }

  /** @throws SessionUsageError when the response has begun */
  assertOpen(call: string): void {
    if (this.isTooLate(call)) throw tooLate([call]);
  }

  private assertAwaited(): void {
    if (this.isOver())
      throw new RequestOverError(
        'The request took too long: its client no longer waits, so its changes were not kept.',
      );
  }

  private assertWritable(call: string): void {
    this.assertOpen(call);
    if (this.copy) throw this.context.outage!.refusal();
  }
}
