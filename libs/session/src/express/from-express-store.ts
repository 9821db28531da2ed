// Any express-session store (Redis, Valkey, Memcached, DynamoDB, …) as a place for roam's sessions.
import { StoreUnavailableError } from '../core/errors.js';
import { hide } from '../core/hide.js';
import type { Found, SessionRecord, WriteResult } from '../port/records.js';
import type { SessionCapabilities, SessionStore } from '../port/store.js';
import type { ExpressSession, ExpressStore } from './express-session.js';
import { KeyedMutex } from './keyed-mutex.js';

export interface FromExpressStoreOptions {
  /** The method's name as the pages show it, for example `redis`; default: `express`. */
  readonly method?: string;
  /** Begins every key, beside the store's own prefix; default: `roam:`. */
  readonly prefix?: string;
  /** A store that has not answered after so many milliseconds cannot answer. Default: 300 and 800. */
  readonly readTimeoutMs?: number;
  readonly writeTimeoutMs?: number;
}

/**
 * Sessions in an express-session store, which can do no more than get, set and destroy by key, each with an expiry.
 *
 * What holds, if the store shows on every server what it has acknowledged:
 * - a session that was ended stays ended on every server at once: its tombstone has a key of its own, which no late
 *   write or touch touches, and which the store keeps until the session would have ended;
 * - a touch never undoes a write: the idle limit has a key of its own too;
 * - both limits, renewal, theft and everything else that the module enforces.
 *
 * What does not:
 * - Compare-and-set is get, compare, set and look again. On one server no update is lost. Of two servers that write the
 *   same session within the same few milliseconds one may lose its write without being told: `mergesKeys` and
 *   `atomicUpdate` are false.
 * - A store whose copies lag may show an older session than the browser has seen.
 * - There is no list of a user's sessions, and no end of all of them: such stores have no index.
 * - Nothing is swept: the store's own expiry removes what has ended, at the latest after the absolute limit.
 *
 * A request costs three gets by key, sent together.
 */
export function fromExpressStore(store: ExpressStore, options: FromExpressStoreOptions = {}): SessionStore {
  return new ExpressSessionStore(store, options);
}

/** What one key holds beside the cookie, by which such stores know their expiry. */
type Kept = ExpressSession & { readonly roam?: unknown };

interface Parts {
  readonly record: SessionRecord | undefined;
  readonly isEnded: boolean;
}

/** Kept on after its end, so that servers' clocks may differ. */
const MARGIN_MS = 10 * 60 * 1000;

class ExpressSessionStore implements SessionStore {
  readonly capabilities: SessionCapabilities;
  private readonly prefix: string;
  private readonly readTimeoutMs: number;
  private readonly writeTimeoutMs: number;
  /** One server's writes of a session run one after the other: between them compare-and-set is exact. */
  private readonly byId = new KeyedMutex();

  constructor(
    private readonly store: ExpressStore,
    { method = 'express', prefix = 'roam:', readTimeoutMs = 300, writeTimeoutMs = 800 }: FromExpressStoreOptions,
  ) {
    hide(this, 'store');
    this.capabilities = {
      method,
      mergesKeys: false,
      atomicUpdate: false,
      logoutWithinMs: 0,
      readsWhatYouSaw: false,
    };
    this.prefix = prefix;
    this.readTimeoutMs = readTimeoutMs;
    this.writeTimeoutMs = writeTimeoutMs;
  }

  async find(id: string): Promise<Found | undefined> {
    const { record, isEnded } = await this.read(id);
    if (!record || isEnded) return undefined;
    if (Math.min(record.idleEndsAt, record.endsAt) < Date.now() - MARGIN_MS) return undefined;
    return { record, userEpoch: 0 };
  }

  create(record: SessionRecord): Promise<WriteResult> {
    return this.byId.run(record.id, async () => {
      const { record: current, isEnded } = await this.read(record.id);
      if (isEnded) return { status: 'gone' };
      if (current) return { status: 'done', record: current };
      await this.put(this.key(record.id), record, record.endsAt);
      return { status: 'done' };
    });
  }

  update(record: SessionRecord, base: SessionRecord): Promise<WriteResult> {
    return this.byId.run(record.id, async () => {
      const before = await this.read(record.id);
      if (!before.record || before.isEnded) return { status: 'gone' };
      const { record: current } = before;
      if (current.version !== base.version) return { status: 'conflict', current };
      const idleEndsAt = Math.max(current.idleEndsAt, record.idleEndsAt);
      // The absolute limit is fixed at creation.
      await this.put(this.key(record.id), { ...record, idleEndsAt, endsAt: current.endsAt }, current.endsAt);
      return this.lookAgain(record);
    });
  }

  async touch(id: string, idleEndsAt: number): Promise<void> {
    await this.byId.run(id, async () => {
      const { record, isEnded } = await this.read(id);
      if (!record || isEnded || record.idleEndsAt >= idleEndsAt) return;
      await this.put(this.key(id, 'idle'), { idleEndsAt }, record.endsAt);
    });
  }

  destroy(id: string, ifVersion?: number): Promise<WriteResult> {
    return this.byId.run(id, async () => {
      const { record: current, isEnded } = await this.read(id);
      if (!current || isEnded) return { status: 'gone' };
      if (ifVersion !== undefined && current.version !== ifVersion) return { status: 'conflict', current };
      await this.put(this.key(id, 'end'), { ended: true }, current.endsAt);
      await this.remove(id);
      return { status: 'done' };
    });
  }

  /** The store's own expiry removes what has ended. */
  async sweep(): Promise<number> {
    return Promise.resolve(0);
  }

  /** Whether another server wrote between our look and our write: then one of the two sees it here and tries again. */
  private async lookAgain(written: SessionRecord): Promise<WriteResult> {
    const { record: current, isEnded } = await this.read(written.id);
    if (isEnded) await this.remove(written.id);
    if (isEnded || !current) return { status: 'gone' };
    const own = written.writes.at(-1);
    return own === undefined || current.writes.includes(own) ? { status: 'done' } : { status: 'conflict', current };
  }

  private async read(id: string): Promise<Parts> {
    const [main, idle, end] = await Promise.all([
      this.get(this.key(id)),
      this.get(this.key(id, 'idle')),
      this.get(this.key(id, 'end')),
    ]);
    const record = isRecord(main?.roam, id) ? main.roam : undefined;
    const { idleEndsAt = 0 } = (idle?.roam ?? {}) as { idleEndsAt?: number };
    return {
      record: record && { ...record, idleEndsAt: Math.max(record.idleEndsAt, idleEndsAt) },
      isEnded: Boolean(end),
    };
  }

  private key(id: string, part?: 'idle' | 'end'): string {
    return part ? `${this.prefix}${id}:${part}` : `${this.prefix}${id}`;
  }

  private get(key: string): Promise<Kept | undefined> {
    return this.call<Kept | null | undefined>(this.readTimeoutMs, (done) => this.store.get(key, done)).then(
      (kept) => kept ?? undefined,
    );
  }

  private async put(key: string, roam: object, until: number): Promise<void> {
    const end = until + MARGIN_MS;
    const maxAge = end - Date.now();
    // Some stores read the expiry from `expires`, others from `maxAge`.
    const cookie = { originalMaxAge: maxAge, maxAge, expires: new Date(end), httpOnly: true, path: '/' };
    await this.call(this.writeTimeoutMs, (done) => this.store.set(key, { cookie, roam } as Kept, done));
  }

  private async remove(id: string): Promise<void> {
    const keys = [this.key(id), this.key(id, 'idle')];
    await Promise.all(keys.map((key) => this.call(this.writeTimeoutMs, (done) => this.store.destroy(key, done))));
  }

  /** The store's callback as a promise, which fails when the store does or does not answer in time. */
  private call<T>(timeoutMs: number, act: (done: (error?: unknown, value?: T) => void) => unknown): Promise<T> {
    return new Promise((resolve, reject) => {
      const failed = (cause: unknown) =>
        reject(new StoreUnavailableError(`The express-session store failed: ${String(cause)}`, { cause }));
      const timer = setTimeout(() => failed(`no answer within ${timeoutMs} ms`), timeoutMs);
      const done = (error?: unknown, value?: T) => {
        clearTimeout(timer);
        if (error) failed(error);
        else resolve(value as T);
      };
      // Some stores also return a promise, or throw.
      Promise.resolve()
        .then(() => act(done))
        .catch(done);
    });
  }
}

/** What another program put there, or damaged, is no record. */
function isRecord(kept: unknown, id: string): kept is SessionRecord {
  const record = (kept ?? {}) as Partial<SessionRecord>;
  const numbers = [record.version, record.idleEndsAt, record.endsAt, record.epoch];
  return (
    record.id === id &&
    numbers.every(Number.isFinite) &&
    typeof record.secrets?.current === 'string' &&
    typeof record.payload === 'string' &&
    Array.isArray(record.writes)
  );
}
