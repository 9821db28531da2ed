// The request life cycle for Express (and anything with Node's request and response).
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { AddedHeader } from '../carriers/carrier.js';
import type { SessionManager } from '../manager.js';
import type { FailureAnswer } from '../core/options.js';
import type { RequestSession } from '../core/request-session.js';
import { SessionUsageError } from '../core/errors.js';
import { makeDictionaries } from './as-dictionaries.js';
import { NOT_FOR_NETWORKS, NOT_PUBLIC, VARY_COOKIE } from './caching.js';
import { answersTo } from './failure.js';
import type { MergedHeader } from './head.js';
import { incomingOf } from './incoming.js';
import { canBeGated, gateResponse, type Gate } from './response-gate.js';
import type { Session } from '../core/session.js';
import { watched } from './watched.js';

/** A request as a handler behind the middleware sees it; `session` is undefined after `session.destroy`. */
export interface SessionRequest extends IncomingMessage {
  session?: Session | undefined;
  sessionID?: string | undefined;
}

/** How often the session of an open response is looked at for changes that come too late to be kept. */
const LATE_CHANGES_MS = 2000;

const NO_HEADERS: readonly AddedHeader[] = [];

/** What a framework with a request and a response of its own knows of Node's. */
export interface FrameworkView {
  readonly isHttps: boolean;
  /** The headers of the response so far, those that Node has not been told yet among them. */
  headers(): OutgoingHttpHeaders;
}

type Next = (error?: unknown) => void;

/** Gives the gate of a request, and of each other object that shows its session. */
const GATE = Symbol('roam.session.gate');

interface Shown {
  readonly [GATE]: SessionGate;
}

/** What shows the session at an object. The same functions for all: V8 turns an object with others into a dictionary. */
const SESSION: PropertyDescriptor & ThisType<Shown> = {
  configurable: true,
  enumerable: true,
  get() {
    return this[GATE].read();
  },
  set(own: Session | undefined) {
    this[GATE].held = own;
  },
};
const SESSION_ID: PropertyDescriptor & ThisType<SessionRequest> = {
  configurable: true,
  get() {
    return this.session?.id;
  },
};

/**
 * Express middleware that puts the session at `req.session` and commits it before the first byte of the response.
 * Put it behind what serves static files, and before everything that uses sessions.
 */
export function sessionMiddleware(manager: SessionManager) {
  return function session(request: SessionRequest, response: ServerResponse, next: Next): void {
    openSession(manager, request, response, next);
  };
}

/** Opens this request's session, and calls `next` when it is there; answers the request where that fails. */
export function openSession(
  manager: SessionManager,
  request: SessionRequest,
  response: ServerResponse,
  next: Next,
  view?: FrameworkView,
): void {
  // As express-session: mounted twice, the first one serves.
  if (GATE in request || request.session) return next();
  if (typeof response.writeHead !== 'function')
    return next(
      new SessionUsageError('A request to upgrade has no response: open its session by openUpgrade(request).'),
    );
  if (!canBeGated(response))
    return next(new SessionUsageError('A session needs a response of node:http (HTTP/1.1), and this is another one.'));
  makeDictionaries(request, response);
  const { requestId, isOver, visitorWaitMs } = manager.options;
  const incoming = incomingOf(request, view?.isHttps);
  const [over, wait] = [isOver && (() => isOver(request)), visitorWaitMs && (() => visitorWaitMs(request))];
  manager.open(incoming, requestId?.(request), over, wait).then(
    (opened) => {
      const gate = new SessionGate(manager, request, response, opened);
      gate.showAt(request);
      gateResponse(response, gate, view?.headers());
      next();
    },
    (error: unknown) => {
      // Unless somebody else has answered.
      if (response.headersSent) return;
      gateResponse(response, new RefusingGate(manager, request, error), view?.headers());
      response.end();
    },
  );
}

/** Puts the session of this request at a framework's own request too. */
export function showSession(request: IncomingMessage, at: object): void {
  (request as Partial<Shown>)[GATE]?.showAt(at);
}

/** What the gates of both kinds of responses do. */
abstract class AnsweringGate implements Gate {
  constructor(
    protected readonly manager: SessionManager,
    protected readonly request: SessionRequest,
  ) {}

  abstract before(): Promise<void> | undefined;

  onHead(_isWhole: boolean): readonly (AddedHeader | MergedHeader)[] {
    return NO_HEADERS;
  }

  onFailure(error: unknown): Promise<readonly FailureAnswer[]> {
    return answersTo(this.manager, error, this.request);
  }

  onUnheardError(error: Error): void {
    this.manager.report({ type: 'response-error', error });
  }

  onClosed(): void {}
}

class RefusingGate extends AnsweringGate {
  constructor(
    manager: SessionManager,
    request: SessionRequest,
    private readonly error: unknown,
  ) {
    super(manager, request);
  }

  async before(): Promise<void> {
    throw this.error;
  }
}

class SessionGate extends AnsweringGate {
  /** Out of sight: whoever logs the response must not log what is behind its session. */
  readonly #opened: RequestSession;
  #held: Session | undefined;
  #isClosed = false;
  readonly #shownAt: object[] = [];
  /** Somebody has read `request.session`: the answer may be made from it. */
  wasRead = false;

  constructor(
    manager: SessionManager,
    request: SessionRequest,
    private readonly response: ServerResponse,
    opened: RequestSession,
  ) {
    super(manager, request);
    this.#opened = opened;
    this.#held = opened.object;
    opened.onReplace = (replacement) => (this.#held = replacement);
  }

  /** Puts the session at this object. */
  showAt(shown: object): void {
    this.#shownAt.push(shown);
    Object.defineProperty(shown, GATE, { value: this });
    Object.defineProperty(shown, 'session', SESSION);
    Object.defineProperty(shown, 'sessionID', SESSION_ID);
  }

  /** For a handler. */
  read(): Session | undefined {
    this.wasRead = true;
    if (this.#isClosed) this.watch();
    const { held } = this;
    // Its content is put into it now.
    return held && held === this.#opened.object ? this.#opened.session : held;
  }

  /** What is at `request.session`. */
  get held(): Session | undefined {
    // A handler may have deleted the property.
    for (const shown of this.#shownAt) if (!Object.hasOwn(shown, 'session')) return undefined;
    return this.#held;
  }

  set held(own: Session | undefined) {
    this.#held = own;
  }

  before(): Promise<void> | undefined {
    const opened = this.#opened;
    // Asked once more after the commit: after a standstill of the process the app may break the connection off.
    return opened.finish(this.held ?? null)?.then(() => void opened.isOver());
  }

  override onHead(isWhole: boolean): readonly (AddedHeader | MergedHeader)[] {
    const opened = this.#opened;
    const { response } = this;
    if (!isWhole && opened.isStored) endWithSession(this.manager, opened, response);
    const headers = opened.headers();
    // A cookie alone makes the answer one person's too: the session's end may move without a handler that looks at it.
    if (!this.wasRead && headers.length === 0) return headers;
    return [...headers, NOT_PUBLIC, NOT_FOR_NETWORKS, VARY_COOKIE];
  }

  override onClosed(): void {
    this.#isClosed = true;
    this.#opened.reportLateChanges();
  }

  /** For what still uses it: each change is reported. */
  private watch(): void {
    const opened = this.#opened;
    if (this.held && this.held === opened.object) this.held = watched(opened.session!, (key) => opened.reportLate(key));
  }
}

/** Ends a response that outlives its session: a stream must not go on after a logout. */
function endWithSession(manager: SessionManager, opened: RequestSession, response: ServerResponse): void {
  const stop = manager.ends.add({
    id: opened.id,
    hasEnded: () => opened.hasEnded(),
    onEnd: () => response.destroy(),
  });
  const timer = setInterval(() => opened.reportLateChanges(), LATE_CHANGES_MS).unref();
  response.once('close', () => {
    stop();
    clearInterval(timer);
  });
}
