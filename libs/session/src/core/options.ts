// What an app sets, every default in one place, and what it is told back.
import type { IncomingMessage } from 'node:http';
import type { AnySessions } from '../carriers/carrier.js';
import type { CookieOptions } from '../carriers/cookies.js';
import type { Upcaster } from './codec.js';
import type { SessionError } from './errors.js';

/** How long sessions live. All in milliseconds. */
export interface SessionLimits {
  /** Without a request for this long, a session is over (ASVS 7.3.1). */
  readonly idle: number;
  /** This long after login, a session is over whatever happens (ASVS 7.3.2). */
  readonly lifetime: number;
  /** The same two with "keep me signed in"; the cookie's `maxAge` is then `rememberLifetime`. */
  readonly rememberIdle: number;
  readonly rememberLifetime: number;
  /** The idle limit is moved at most this often. */
  readonly touch: number;
  /** The token is renewed this often, at the touch that follows. */
  readonly renew: number;
  /** For this long after a renewal the old token still works, for the parallel requests of one page. */
  readonly grace: number;
}

const SECOND = 1000;
const HOUR = 3600 * SECOND;

export const defaultLimits: SessionLimits = {
  idle: HOUR / 2,
  lifetime: 8 * HOUR,
  rememberIdle: 14 * 24 * HOUR,
  rememberLifetime: 30 * 24 * HOUR,
  touch: 60 * SECOND,
  renew: HOUR / 4,
  grace: 30 * SECOND,
};

/**
 * What holds while the store cannot answer. `deny`: every request that needs its session gets 503. `read-only`: a sealed
 * copy of the session in a cookie, at most 5 minutes old, lets reading go on; nothing can be changed, and a logout waits.
 */
export type OutagePolicy = 'deny' | 'read-only';

/** What the module tells an operator; none of it carries a token or a session's content. */
export type SessionEvent =
  /** Changes of another request were merged with this one's. */
  | { readonly type: 'merged'; readonly id: string }
  /** A write came after the session's end and was refused. */
  | { readonly type: 'revival-refused'; readonly id: string }
  /** A token was used after it had been replaced: somebody else has a copy. The session was ended. */
  | { readonly type: 'theft'; readonly id: string; readonly userId: string | null }
  /** The stored content cannot be read; it is kept for inspection. */
  | { readonly type: 'damaged'; readonly id: string }
  /** A touch failed; the request did not. */
  | { readonly type: 'touch-failed'; readonly id: string; readonly error: unknown }
  /** The store could not answer, and the session was shown from its copy. */
  | { readonly type: 'shown-from-copy'; readonly id: string }
  /** The store could not take a logout: this server repeats it until it does. */
  | { readonly type: 'logout-pending'; readonly id: string }
  /** A visitor's session was not stored: by `visitorWaitMs` (`rate`), or as the rest of the store is for users (`room`). */
  | { readonly type: 'visitor-refused'; readonly reason: 'rate' | 'room' }
  /** What another request put into the session that a sign-in left does not fit into the new one: it was left out. */
  | { readonly type: 'left-out'; readonly id: string; readonly keys: readonly string[] }
  /**
   * A response was used in a way that Node refuses, a write after its end for example, and nobody listened to its `error`
   * event; or Node or the app failed to make the answer of `SessionOptions.failure`; or a handler put what cannot be kept
   * into the session, and there is no `SessionOptions.failure` to be told of it.
   */
  | { readonly type: 'response-error'; readonly error: unknown }
  /** The session of a gateway's connection could not be opened, by a fault of the app or of ours: it was closed with 1011. */
  | { readonly type: 'handshake-failed'; readonly error: unknown }
  /** What an app does at the end of a session (`onEnd` of a socket) has thrown; the socket was closed all the same. */
  | { readonly type: 'end-failed'; readonly error: unknown }
  /** A session was changed when its response had begun; these keys, or calls, were not kept. */
  | {
      readonly type: 'late-change';
      readonly id: string;
      readonly keys: readonly string[];
      readonly error: SessionError;
    };

/** The answer that replaces the handler's when the session cannot be read or kept. */
export interface FailureAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface SessionOptions {
  readonly store: AnySessions;
  /** Each at least 32 characters; the first signs, all verify. */
  readonly secrets: readonly string[];
  /** The same as `cookie.secure`, one of which must be set. On https the cookies' names get a prefix, mostly `__Host-`. */
  readonly secure?: CookieOptions['secure'];
  /** Of the token's cookie. The names of the others begin with it. Default: `sid`. */
  readonly name?: string;
  /** Of all cookies. */
  readonly cookie?: CookieOptions;
  /**
   * Whether a `cookie.maxAge` that was set counts from the last request, to within a tenth of it or the touch interval: the
   * session is then written, and the cookie sent again. Default: false.
   */
  readonly rolling?: boolean;
  readonly limits?: Partial<SessionLimits>;
  /** Default: deny. */
  readonly outage?: OutagePolicy;
  /** Whose pages may open a WebSocket with the visitor's session. Default: those of the host that the request names. */
  readonly origins?: readonly string[];
  /**
   * Asked before a connection gets its session, for a limit of how many a user may have open: false closes it with 1013, so
   * that its client comes back later. Default: every one may.
   */
  readonly mayUpgrade?: (request: IncomingMessage, userId: string | null) => boolean;
  /**
   * Asked before the session of a visitor is created, for a limit of how many one address may begin: how many milliseconds
   * the request must wait, 0 where it may now. The answer is 429 then, and nothing is stored. Never asked for a sign-in.
   * Must be cheap. Default: never a limit.
   */
  readonly visitorWaitMs?: (request: IncomingMessage) => number;
  /** See `Codec`. */
  readonly upcasters?: readonly Upcaster[];
  /**
   * The request's identity, if it comes from a proxy that repeats a request under the same one: then a repeated
   * request's writes count once. Must not be taken from a client that is not trusted.
   */
  readonly requestId?: (request: IncomingMessage) => string | undefined;
  /**
   * Asked just before each write to the store: whether this request may no longer change anything, because it is older
   * than any client or proxy waits. After a standstill of the process (frozen, its machine suspended) a proxy has long
   * given the request to another server. Must be cheap. Default: never.
   */
  readonly isOver?: (request: IncomingMessage) => boolean;
  /** Makes the answer to a request whose session could not be read or kept. Default: a short JSON. */
  readonly failure?: (error: SessionError, request: IncomingMessage) => FailureAnswer | Promise<FailureAnswer>;
  readonly onEvent?: (event: SessionEvent) => void;
  /** Milliseconds since 1970; for tests. */
  readonly now?: () => number;
}
