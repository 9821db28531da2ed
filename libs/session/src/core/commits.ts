// Changes and their commit: compare-and-set of one session against other requests that write it.
import type { Found, Json, Mark, SessionData, SessionRecord } from '../port/records.js';
import type { SessionWriter } from '../port/store.js';
import { nextAttempt } from './attempts.js';
import { toJson } from './json-value.js';
import type { Carried } from '../carriers/carrier.js';
import type { SessionRules } from './rules.js';
import { RequestOverError, SessionConflictError, SessionEndedError, SessionUsageError } from './errors.js';
import { hashSecret, type Identity } from './identity.js';
import { Lifetime, type Expiry } from './lifetime.js';
import { applyChanges, changesBetween, joinWrites, type Changes } from './merge.js';
import type { RepeatSafety } from './repeat-safety.js';
import type { Shown } from './shown.js';
import type { Stored } from './stored.js';
import type { VisitorRoom } from './visitor-room.js';

const NOTHING: Changes = new Map();

/**
 * One session of a request, as it is stored and as it is to be. `regenerate` and `destroy` begin another: what is still
 * being written then ends in the session that it was meant for.
 */
export class Commits {
  stored: Stored | undefined;
  /** Whose session it is from the next write on. */
  bearer: { readonly userId: string; readonly epoch: number } | undefined;
  readonly lifetime: Lifetime;
  /** Asks for a touch though the touch interval is not over. */
  wantsTouch = false;
  private sentBearer: Commits['bearer'];
  #fresh: Identity | undefined;

  /**
   * @param fresh what opens the session when this request creates it; default: random
   * @param isOver whether nobody waits for this request any more
   * @param room of a session that is nobody's
   */
  constructor(
    private readonly rules: SessionRules,
    private readonly carried: Carried,
    private readonly repeats: RepeatSafety,
    readonly shown: Shown,
    private readonly isOver: () => boolean,
    private readonly room: VisitorRoom,
    fresh?: Identity,
  ) {
    this.#fresh = fresh;
    this.lifetime = new Lifetime(rules);
  }

  /** What opens the session, where this request may have created it. */
  get fresh(): Identity | undefined {
    return this.#fresh;
  }

  set fresh(identity: Identity | undefined) {
    this.#fresh = identity;
  }

  /** What opens the session that `create` makes. */
  get identity(): Identity {
    return (this.#fresh ??= this.repeats.identity());
  }

  /**
   * @param instead what a login has left for this one
   * @returns whether that has ended in the same step
   */
  async create(data: SessionData, instead: Stored | undefined): Promise<boolean> {
    const { rules } = this;
    const { id, secret } = this.identity;
    const start = rules.now();
    const { remember } = this.lifetime;
    const limits = rules.lifeFrom(start, remember);
    const expiry = this.lifetime.expiryToStore(undefined, limits.endsAt);
    const content = { data, remember, schema: rules.codec.schema, expiry };
    const record: SessionRecord = {
      id,
      version: 1,
      secrets: { current: hashSecret(secret), since: start },
      payload: rules.codec.encode(content),
      ...limits,
      userId: this.bearer?.userId ?? null,
      epoch: this.bearer?.epoch ?? 0,
      writes: [this.repeats.nextWriteId()],
    };
    this.sentBearer = this.bearer;
    this.assertMayWrite();
    this.assertRoom(record, instead?.record);
    const result = await this.carried.sessions.create(record, instead?.record);
    if (result.status !== 'done') throw ended();
    const stored = this.written(rules.asStored(record, content), result);
    if (result.record) await this.goOnWith(stored, record, data, instead);
    else this.take(stored);
    this.settle(undefined);
    return result.ended === true;
  }

  /**
   * A proxy repeats this request, and its first try had made this session: it counts once. Where that one did not get
   * to end the old session, others may have changed that meanwhile, so what this try carries over is newer.
   */
  private async goOnWith(first: Stored, { userId }: SessionRecord, data: SessionData, old?: Stored): Promise<void> {
    if (first.record.userId !== userId)
      throw new SessionConflictError('The same request id was used for two users: use a new id for each request.');
    this.take(first);
    const changes = old ? changesBetween(first.data, data) : NOTHING;
    if (changes.size > 0) await this.write(() => changes, data);
    else this.shown.follow(first.data, data);
  }

  /**
   * Compare-and-set: applies the changes to the newest record until no other request was faster. What the session then holds that is
   * not as in `seen` was changed by the handler beside them, and stays in the session.
   */
  async write(
    changesTo: (data: SessionData) => Changes | Promise<Changes>,
    seen: SessionData = this.stored!.data,
    put: SessionWriter['update'] = (next, base) => this.carried.sessions.update(next, base),
  ): Promise<void> {
    const { rules } = this;
    const writeId = this.repeats.nextWriteId();
    let base = this.stored!;
    // A proxy repeated this request elsewhere and the first try had committed: it counts once.
    if (base.record.writes.includes(writeId)) return;
    for (let attempt = 0; ; attempt = await nextAttempt(attempt)) {
      const changes = await changesTo(base.data);
      const next = this.successor(base, changes, writeId);
      this.assertMayWrite();
      this.assertRoom(next.record, base.record);
      const result = await put(next.record, base.record);
      if (result.status === 'done') {
        if (result.record) rules.emit({ type: 'merged', id: result.record.id });
        return this.adopt(this.written(next, result), seen);
      }
      const current = result.status === 'conflict' ? rules.stored(result.current) : undefined;
      if (!current) {
        rules.emit({ type: 'revival-refused', id: next.record.id });
        throw ended();
      }
      base = current;
      // The answer to our own write was lost.
      if (base.record.writes.includes(writeId)) return this.adopt(base, seen);
      rules.emit({ type: 'merged', id: base.record.id });
    }
  }

  /** Changes one key; `change` is called again on the newer value when another request was faster. */
  async update<T>(key: string, change: (value: T | undefined) => T | Promise<T>): Promise<T> {
    const session = this.shown.session!;
    // What this call has made of it, also when others have changed it again before their writes were merged.
    let own: { value: Json | undefined } | undefined;
    const seen = { ...this.stored!.data };
    await this.write(async (data) => {
      const value = toJson(key, await change(structuredClone(data[key]) as T | undefined));
      own = { value };
      session[key] = structuredClone(value);
      if (value === undefined) delete seen[key];
      else seen[key] = value;
      return new Map([[key, value]]);
    }, seen);
    return (own ? structuredClone(own.value) : session[key]) as T;
  }

  /** Moves the session to another epoch by `put`. @throws SessionEndedError when another request was faster */
  async lift(bearer: NonNullable<Commits['bearer']>, put: SessionWriter['update']): Promise<void> {
    this.bearer = bearer;
    try {
      await this.write(() => NOTHING, undefined, put);
    } finally {
      // A commit that comes later must not lift it alone: the next end of all sessions would pass it by.
      this.bearer = undefined;
    }
  }

  /** Renewal alone is not worth failing or repeating a request for: the next one tries again. */
  async renew(): Promise<void> {
    const base = this.stored!;
    const next = this.successor(base, NOTHING, this.repeats.nextWriteId());
    try {
      this.assertMayWrite();
      const result = await this.carried.sessions.update(next.record, base.record);
      if (result.status === 'done') this.adopt(this.written(next, result), base.data);
    } catch (error) {
      this.rules.emit({ type: 'touch-failed', id: next.record.id, error });
    }
  }

  isTouchDue(stored: Stored): boolean {
    return this.wantsTouch || this.rules.isTouchDue(stored);
  }

  /** The session as it is now; undefined when it has ended. @throws StoreUnavailableError when nobody can tell */
  async look(): Promise<Found | undefined> {
    const { record, mark } = this.stored!;
    const askedAt = this.rules.now();
    const found = await this.carried.look(record, mark);
    // Another request may have moved the idle limit before a slow answer.
    return found && this.rules.isLive(found, askedAt) ? found : undefined;
  }

  /** Reads the session again. @throws SessionEndedError */
  async reload(): Promise<void> {
    if (!this.stored)
      throw new SessionUsageError('This session has not been saved yet, so it cannot be reloaded: save it first.');
    const found = await this.look();
    const stored = found && this.rules.stored(found.record, found.mark);
    if (!stored) throw new SessionEndedError('The session has ended, so it cannot be reloaded.');
    this.stored = stored;
    this.shown.show(stored.data);
  }

  /** Moves the idle limit if that is due. A promise where the response must wait for that. */
  touch(): Promise<void> | undefined {
    const { stored, rules } = this;
    if (!stored || !this.isTouchDue(stored)) return undefined;
    this.wantsTouch = false;
    const { record, remember, mark } = stored;
    const keep = (moved: SessionRecord) => this.take(rules.asStored(moved, stored, mark));
    const moved = this.carried.touch(record, Math.max(record.idleEndsAt, rules.now() + rules.idleLimit(remember)));
    if (!('then' in moved)) return void keep(moved);
    // A failed touch never fails a request.
    return moved.then(keep).catch((error: unknown) => rules.emit({ type: 'touch-failed', id: record.id, error }));
  }

  /** @throws RequestOverError, or what the carrier throws where the session can be read only */
  assertMayWrite(): void {
    this.assertAwaited();
    this.carried.assertWritable();
  }

  /** @throws RequestOverError when nobody waits for this request any more */
  assertAwaited(): void {
    if (this.isOver())
      throw new RequestOverError(
        'The request took too long: its client no longer waits, so its changes were not kept.',
      );
  }

  /** @param before what this record takes the place of. @throws TooManySessionsError */
  private assertRoom({ userId, payload }: SessionRecord, before: SessionRecord | undefined): void {
    if (userId !== null) return;
    const { sessions } = this.carried;
    if (!before) this.room.assertMayCreate(sessions);
    else if (payload.length > before.payload.length) this.room.assertMayGrow(sessions);
  }

  private successor(base: Stored, changes: Changes, writeId: string): Stored {
    const { rules } = this;
    const { record, remember, schema, data } = base;
    const content = { data: applyChanges(data, changes), remember, schema, expiry: this.lifetime.expiryToStore(base) };
    this.sentBearer = this.bearer;
    const next = {
      ...record,
      ...this.bearer,
      version: record.version + 1,
      secrets: this.carried.renewed(record, this.isTouchDue(base)) ?? record.secrets,
      payload: rules.codec.encode(content, record.payload),
      idleEndsAt: Math.max(record.idleEndsAt, rules.now() + rules.idleLimit(remember)),
      writes: joinWrites(record.writes, [writeId]),
    };
    return rules.asStored(next, content, undefined, content.data);
  }

  /** What the store has made of a write. */
  private written(next: Stored, { record, mark }: { record?: SessionRecord; mark?: Mark }): Stored {
    const { rules } = this;
    const stored = record && rules.stored(record, mark);
    if (stored) return stored;
    return mark === undefined ? next : rules.asStored(next.record, next, mark, next.data);
  }

  private adopt(stored: Stored, seen: SessionData): void {
    const before = this.stored?.expiry;
    this.take(stored);
    this.settle(before);
    this.shown.follow(stored.data, seen);
  }

  /** What was asked for while the write ran is still to be stored. */
  private settle(before: Expiry | undefined): void {
    if (this.bearer === this.sentBearer) this.bearer = undefined;
    this.lifetime.settle(this.stored!.expiry, before);
  }

  /** @throws SessionUsageError when the browser cannot hold it */
  private take(stored: Stored): void {
    this.stored = stored;
    this.carried.prepare(stored.record);
  }
}

function ended(): SessionEndedError {
  return new SessionEndedError('The session ended while this request ran; its changes were not kept.');
}
