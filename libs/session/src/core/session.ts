// `req.session`: express-session's surface, so that Passport and what people know work unchanged.
import { OWN_NAMES } from './own-names.js';
import type { RequestSession } from './request-session.js';
import { SessionCookie } from './session-cookie.js';
import type { SessionData } from './session-data.js';
import type { SessionInfo } from './session-info.js';

/** Whose session it is. */
export interface Bearer {
  readonly userId: string;
  /** The user's epoch, read before the proof of identity was checked: "end all sessions" then beats this login. */
  readonly epoch: number;
  /** "Keep me signed in". */
  readonly remember?: boolean;
}

type Callback = (error?: unknown) => void;

/** Gives the request that a session belongs to: out of sight of loops, JSON, `util.inspect` and Passport's merge. */
const OWNER = Symbol('roam.session.owner');

/** Its content as the app declares it. */
// eslint-disable-next-line @typescript-eslint/no-unsafe-declaration-merging, @typescript-eslint/no-empty-object-type
export interface Session extends Partial<SessionData> {}

/**
 * The session as a handler sees it. Its own enumerable properties are its content, each a JSON value; they are
 * committed before the first byte of the response leaves. What is changed after that is not kept, and is reported as
 * the event `late-change`.
 *
 * The methods take a callback, as express-session's do, or return a promise without one.
 */
// eslint-disable-next-line @typescript-eslint/no-unsafe-declaration-merging
export class Session {
  [key: string]: unknown;

  readonly #owner: RequestSession;

  constructor(owner: RequestSession) {
    this.#owner = owner;
  }

  get [OWNER](): RequestSession {
    return this.#owner;
  }

  /** The session's public id: not a secret, stable until `regenerate`. */
  get id(): string {
    return ownerOf(this).id;
  }

  /** The token cookie's attributes; setting `maxAge` or `expires` shortens the session. */
  get cookie(): SessionCookie {
    return new SessionCookie(ownerOf(this));
  }

  /** When it began and when it will end. */
  get info(): SessionInfo {
    return ownerOf(this).info;
  }

  /** Says whose session this is. Call after `regenerate`, with the epoch that was read before the password was checked. */
  bind(bearer: Bearer): this {
    ownerOf(this).bind(bearer);
    return this;
  }

  /**
   * Ends this session and puts an empty one with a new token at `req.session`: at every login, step-up and change of
   * role (ASVS 7.2.4). Nothing is stored before the response begins or `save` is called. What is carried over from the
   * old session stays right even when another request changes it meanwhile.
   */
  regenerate(): Promise<void>;
  regenerate(callback: Callback): this;
  regenerate(callback?: Callback): Promise<void> | this {
    return answer(this, async () => ownerOf(this).regenerate(), callback);
  }

  /** Ends this session everywhere, and expires the cookies; `req.session` is then undefined. */
  destroy(): Promise<void>;
  destroy(callback: Callback): this;
  destroy(callback?: Callback): Promise<void> | this {
    return answer(this, () => ownerOf(this).destroy(), callback);
  }

  /** Reads the session again; what this request changed and did not save is dropped. */
  reload(): Promise<void>;
  reload(callback: Callback): this;
  reload(callback?: Callback): Promise<void> | this {
    return answer(this, () => ownerOf(this).reload(), callback);
  }

  /** Commits now what would be committed before the first byte of the response. */
  save(): Promise<void>;
  save(callback: Callback): this;
  save(callback?: Callback): Promise<void> | this {
    return answer(this, () => ownerOf(this).persist(), callback);
  }

  /**
   * Changes one key atomically: `change` gets the stored value and is called again on the newer one when another
   * request was faster. Commits at once.
   * @throws SessionUsageError where the method cannot (`capabilities.atomicUpdate`).
   */
  update<T>(key: string, change: (value: T | undefined) => T | Promise<T>): Promise<T> {
    const done = ownerOf(this).update(key, change);
    // As in `answer`.
    done.catch(() => undefined);
    return done;
  }

  /** Moves the idle limit at the end of this request even if the touch interval is not over. */
  touch(): this {
    ownerOf(this).touchNow();
    return this;
  }
}

/** @param act an error that it throws at once is an answer too */
function answer<T extends Session>(session: T, act: () => Promise<void>, callback?: Callback): Promise<void> | T {
  const done = (async () => act())();
  if (!callback) {
    // A call that nobody waits for must not end the process: the commit waits for it and fails the response.
    done.catch(() => undefined);
    return done;
  }
  done.then(() => callback(), callback);
  return session;
}

// Its own names refuse to be set: a property of this name would hide a method, or be lost.
for (const name of OWN_NAMES) {
  const holder = name === '__proto__' ? Object.prototype : Session.prototype;
  const own = Object.getOwnPropertyDescriptor(holder, name) as { get?: () => unknown; value?: unknown };
  Object.defineProperty(Session.prototype, name, {
    configurable: true,
    get: own.get ?? (() => own.value),
    set(this: Session) {
      ownerOf(this).refuseName(name);
    },
  });
}

/** What is behind the session that a handler holds. */
export function ownerOf(session: Session): RequestSession {
  return session[OWNER];
}
