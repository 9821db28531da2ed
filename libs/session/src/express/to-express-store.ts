// roam's stores under express-session: a program written for express-session sees express-session's own behaviour.
import type { IncomingMessage } from 'node:http';
import { nextAttempt } from '../core/attempts.js';
import { Codec } from '../core/codec.js';
import { applyChanges, changesBetween, joinWrites, type Changes } from '../core/merge.js';
import type { SessionEvent } from '../core/options.js';
import { hasEpochs, isSessionIndex } from '../port/abilities.js';
import type { SessionData, SessionRecord } from '../port/records.js';
import type { SessionStore } from '../port/store.js';
import { Store, type ExpressSession, type ExpressStore, type ExpressStoreBase } from './express-session.js';
import {
  encode,
  hashOf,
  idOf,
  newWriteId,
  pack,
  unpack,
  withExpiry,
  type Packed,
  type Unpacked,
} from './express-content.js';
import { KeyedMutex } from './keyed-mutex.js';
import { SidGenerations } from './sid-generations.js';

export interface ToExpressStoreOptions {
  /** How long a session whose cookie ends with the browser lives after a request. Milliseconds; default: a day. */
  readonly ttl?: number;
  /**
   * The absolute limit, which express-session does not have: a session ends this long after its first `set` however
   * active it is, and its tombstone is kept as long. Milliseconds; default: 400 days.
   */
  readonly lifetime?: number;
  /** Tells several express-session programs on one store apart in `all`, `length` and `clear`. Up to 40 ASCII letters. */
  readonly name?: string;
  /** The largest session that is kept, in bytes of JSON; default: 1 MiB. */
  readonly maxBytes?: number;
  readonly onEvent?: (event: SessionEvent) => void;
}

/**
 * A store for express-session's `store` option.
 *
 * Two things are better than with other stores. Requests that change different keys of one session at once both win. A
 * request that saves or touches a session after another has destroyed it does not bring it back. Its callback reports
 * no error, as for a session that is destroyed a moment after it was saved; `onEvent` tells.
 *
 * A sid that was destroyed may be used again by a *new* session, as programs with a `genid` of their own do; only the
 * sessions that were loaded before its end stay ended. Of the sid only a SHA-256 is kept: so `all` gives an array, not
 * an object by sid. `all` and `length` are there when the store is a `SessionIndex`, `clear` when it has epochs. A key
 * that reaches a prototype (`__proto__`) is refused with an error.
 *
 * @example app.use(session({ store: toExpressStore(new MysqlSessionStore(cluster)), secret, resave: false }))
 */
export function toExpressStore(store: SessionStore, options: ToExpressStoreOptions = {}): RoamExpressStore {
  return new RoamStore(store, options);
}

/** What express-session and programs written for it may call. */
export interface RoamExpressStore extends ExpressStoreBase, Required<ExpressStore> {
  all?(callback: (error: unknown, sessions?: ExpressSession[] | null) => void): void;
  length?(callback: (error: unknown, length?: number) => void): void;
  clear?(callback?: (error?: unknown) => void): void;
}

type Callback = (error?: unknown) => void;

/** What a request's session object is known to be made of: the base that its changes are found against. */
interface View {
  readonly sid: string;
  readonly record: SessionRecord;
  readonly data: SessionData;
  readonly isShortened: boolean;
}

type Stored = Unpacked & { readonly record: SessionRecord; readonly isLive: boolean };

const DAY = 24 * 3_600_000;

class RoamStore extends Store implements RoamExpressStore {
  readonly all?: RoamExpressStore['all'];
  readonly length?: RoamExpressStore['length'];
  readonly clear?: RoamExpressStore['clear'];

  private readonly views = new WeakMap<object, View>();
  /** Programs do not always wait for a callback: what they call for one sid happens in the order of the calls. */
  private readonly bySid = new KeyedMutex();
  private readonly codec: Codec;
  private readonly generations: SidGenerations;
  private readonly ttl: number;
  private readonly lifetime: number;
  private readonly owner: string;
  private readonly emitEvent: (event: SessionEvent) => void;

  constructor(
    private readonly store: SessionStore,
    options: ToExpressStoreOptions,
  ) {
    super();
    this.codec = new Codec([], options.maxBytes ?? 1 << 20);
    this.generations = new SidGenerations(store, this.codec);
    this.ttl = options.ttl ?? DAY;
    this.lifetime = options.lifetime ?? 400 * DAY;
    this.owner = `express-session:${options.name ?? 'default'}`;
    this.emitEvent = options.onEvent ?? (() => undefined);
    if (isSessionIndex(store)) {
      const sessions = async () =>
        (await Promise.all((await store.listByUser(this.owner)).map(({ id }) => this.read(id)))).flatMap((stored) =>
          stored?.isLive ? [stored.session] : [],
        );
      this.all = (callback) => answer(sessions(), callback);
      this.length = (callback) =>
        answer(
          sessions().then(({ length }) => length),
          callback,
        );
    }
    if (hasEpochs(store)) {
      const clear = () => store.raiseEpoch(this.owner).then(() => undefined);
      this.clear = (callback) => answer(clear(), callback);
    }
  }

  get(sid: string, callback: (error: unknown, session?: ExpressSession | null) => void): void {
    const load = async () => {
      const stored = await this.locate(sid);
      if (!stored?.isLive) return undefined;
      this.views.set(stored.session, { sid, ...stored });
      return stored.session;
    };
    answer(this.bySid.idle(sid).then(load), callback);
  }

  set(sid: string, session: ExpressSession, callback?: Callback): void {
    // Packed at once: changes that the program makes while this waits for its turn are not part of the call.
    const packed = attempt(() => pack(session));
    answer(
      this.bySid.run(sid, async () => this.save(sid, session, packed())),
      callback,
    );
  }

  touch(sid: string, session: ExpressSession, callback?: Callback): void {
    const packed = attempt(() => pack(session));
    const touch = async () => {
      const view = this.viewOf(sid, session) ?? (await this.liveView(sid));
      if (!view) return;
      const { data, expires } = packed();
      // express-session's touch keeps the cookie, and nothing else of the session.
      const cookie = changesBetween(pick(view.data), pick(data));
      await this.lay(view, cookie, expires);
    };
    answer(this.bySid.run(sid, touch), callback);
  }

  destroy(sid: string, callback?: Callback): void {
    const destroy = async () => {
      const generation = await this.generations.of(sid);
      await this.store.destroy(idOf(sid, String(generation)));
    };
    answer(this.bySid.run(sid, destroy), callback);
  }

  /** express-session makes a request's session of the one that `get` gave: the view moves to it. */
  override createSession(request: IncomingMessage, loaded: ExpressSession): never {
    const view = this.views.get(loaded);
    const session = super.createSession(request, loaded);
    if (view) this.views.set(session, view);
    return session;
  }

  private viewOf(sid: string, session: ExpressSession): View | undefined {
    const view = this.views.get(session);
    return view?.sid === sid ? view : undefined;
  }

  private async liveView(sid: string): Promise<View | undefined> {
    const stored = await this.locate(sid);
    return stored?.isLive ? { sid, ...stored } : undefined;
  }

  private async save(sid: string, session: ExpressSession, { data, expires }: Packed): Promise<void> {
    const known = this.viewOf(sid, session);
    for (let attempt = 0; ; attempt = await nextAttempt(attempt)) {
      // A session that was never read takes the place of whatever is there, as a whole.
      const view = known ?? (await this.liveView(sid)) ?? (await this.create(sid, data, expires));
      const record = view && (await this.lay(view, changesBetween(view.data, data), expires));
      if (record) {
        this.views.set(session, { sid, record, data, isShortened: isShortened(record, expires) });
        return;
      }
      if (known) return this.emitEvent({ type: 'revival-refused', id: known.record.id });
    }
  }

  /** Makes a new session of this sid, which may have been used before. The session of the first call is then stored. */
  private async create(sid: string, data: SessionData, expires: number | undefined): Promise<View | undefined> {
    const now = Date.now();
    const epoch = hasEpochs(this.store) ? await this.store.epochOf(this.owner) : 0;
    let generation = await this.generations.of(sid);
    const id = () => idOf(sid, String(generation));
    // A session that is there and not live has passed a limit or was cleared: it is over now.
    if (await this.read(id())) await this.store.destroy(id());
    const record = {
      version: 1,
      secrets: { current: hashOf(sid), since: now },
      payload: encode(this.codec, data),
      idleEndsAt: expires ?? now + this.ttl,
      endsAt: Math.max(now + this.lifetime, expires ?? 0),
      userId: this.owner,
      epoch,
      writes: [newWriteId()],
    };
    while ((await this.store.create({ ...record, id: id() })).status === 'gone') {
      generation++;
      await this.generations.raise(sid, generation);
    }
    return this.liveView(sid).then(
      (view) => view ?? { sid, record: { ...record, id: id() }, data, isShortened: false },
    );
  }

  /** Lays the changes over the newest record; undefined when it has ended. */
  private async lay(view: View, changes: Changes, expires: number | undefined): Promise<SessionRecord | undefined> {
    const end = expires ?? Date.now() + this.ttl;
    let { record } = view;
    if (changes.size === 0 && !view.isShortened && end >= record.idleEndsAt) {
      if (end > record.idleEndsAt) await this.store.touch(record.id, end);
      return { ...record, idleEndsAt: end };
    }
    const writeId = newWriteId();
    for (let attempt = 0; ; attempt = await nextAttempt(attempt)) {
      const current = unpack(this.codec, record)?.data ?? {};
      const data = withExpiry(applyChanges(current, changes), expires, record.idleEndsAt);
      const next: SessionRecord = {
        ...record,
        version: record.version + 1,
        payload: encode(this.codec, data),
        idleEndsAt: Math.max(record.idleEndsAt, end),
        writes: joinWrites(record.writes, [writeId]),
      };
      const result = await this.store.update(next, record);
      if (result.status === 'done') return result.record ?? next;
      if (result.status === 'gone') return undefined;
      record = result.current;
      if (record.writes.includes(writeId)) return record;
    }
  }

  private async locate(sid: string): Promise<Stored | undefined> {
    const first = await this.read(idOf(sid, '0'));
    const stored = first ?? (await this.readLater(sid));
    return stored?.record.secrets.current === hashOf(sid) ? stored : undefined;
  }

  private async readLater(sid: string): Promise<Stored | undefined> {
    const generation = await this.generations.of(sid);
    return generation > 0 ? this.read(idOf(sid, String(generation))) : undefined;
  }

  private async read(id: string): Promise<Stored | undefined> {
    const found = await this.store.find(id);
    if (!found) return undefined;
    const unpacked = unpack(this.codec, found.record);
    if (!unpacked) {
      this.emitEvent({ type: 'damaged', id });
      return undefined;
    }
    const isLive = Date.now() < unpacked.endsAt && found.record.epoch >= found.userEpoch;
    return { ...unpacked, record: found.record, isLive };
  }
}

function pick({ cookie }: SessionData): SessionData {
  return cookie === undefined ? {} : { cookie };
}

function isShortened({ idleEndsAt }: SessionRecord, expires: number | undefined): boolean {
  return expires !== undefined && expires < idleEndsAt;
}

/** The value now, or its error when it is asked for. */
function attempt<T>(make: () => T): () => T {
  try {
    const value = make();
    return () => value;
  } catch (error) {
    return () => {
      throw error;
    };
  }
}

/** Calls back once, later, and outside of the promise, so that what the callback throws is the caller's own. */
function answer<T>(work: Promise<T>, callback?: (error: unknown, value?: NoInfer<T>) => void): void {
  work.then(
    (value) => callback && setImmediate(callback, null, value),
    (error: unknown) => callback && setImmediate(callback, error),
  );
}
