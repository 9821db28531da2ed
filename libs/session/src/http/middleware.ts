// The request life cycle for Express (and anything with Node's request and response).
import type { IncomingMessage, ServerResponse } from 'node:http';
import { parseCookie, stringifySetCookie } from 'cookie';
import { SessionError, StoreUnavailableError } from '../core/errors.js';
import type { SessionManager } from '../manager.js';
import type { FailureAnswer } from '../core/options.js';
import { COPY_LIFE_MS } from '../outage/read-only-outage.js';
import type { RequestSession } from '../core/request-session.js';
import { gateResponse, type AddedHeader, type Gate } from './response-gate.js';
import type { Session } from '../core/session.js';

/** A request as a handler behind the middleware sees it; `session` is undefined after `session.destroy`. */
export interface SessionRequest extends IncomingMessage {
  session?: Session | undefined;
  sessionID?: string | undefined;
}

/** How often an open response looks whether its session lives on: it ends within a second of it. */
const STREAM_CHECK_MS = 700;

const NO_HEADERS: readonly AddedHeader[] = [];

/**
 * Express middleware that puts the session at `req.session` and commits it before the first byte of the response.
 * Put it behind what serves static files, and before everything that uses sessions.
 */
export function sessionMiddleware(manager: SessionManager) {
  return function session(request: SessionRequest, response: ServerResponse, next: (error?: unknown) => void): void {
    // As express-session: mounted twice, the first one serves.
    if (request.session) return next();
    const cookies = parseCookie(request.headers.cookie ?? '');
    const requestId = manager.options.requestId?.(request);
    const { tokenCookie, markCookie, standbyCookie } = manager;
    manager.open(cookies[tokenCookie], cookies[markCookie], requestId, cookies[standbyCookie]).then(
      (opened) => {
        attach(manager, opened, request, response);
        next();
      },
      (error: unknown) => refuse(manager, error, request, response),
    );
  };
}

function attach(manager: SessionManager, opened: RequestSession, request: SessionRequest, response: ServerResponse) {
  request.session = opened.session;
  const { isOver } = manager.options;
  if (isOver) opened.isOver = () => isOver(request);
  opened.onReplace = (replacement) => (request.session = replacement);
  Object.defineProperty(request, 'sessionID', { configurable: true, get: () => request.session?.id });
  gateResponse(response, new SessionGate(manager, request, response, opened));
}

/** Answers a request whose session could not be opened, unless somebody else has. */
function refuse(manager: SessionManager, error: unknown, request: SessionRequest, response: ServerResponse): void {
  if (response.headersSent) return;
  gateResponse(response, new RefusingGate(manager, request, error));
  response.end();
}

/** What the gates of both kinds of responses do. */
abstract class AnsweringGate implements Gate {
  constructor(
    protected readonly manager: SessionManager,
    protected readonly request: SessionRequest,
  ) {}

  abstract before(): Promise<void> | undefined;

  onHead(_isWhole: boolean): readonly AddedHeader[] {
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
  constructor(
    manager: SessionManager,
    request: SessionRequest,
    private readonly response: ServerResponse,
    private readonly opened: RequestSession,
  ) {
    super(manager, request);
  }

  before(): Promise<void> | undefined {
    const { opened } = this;
    // Asked once more after the commit: after a standstill of the process the app may break the connection off.
    return opened.finish()?.then(() => void opened.isOver());
  }

  override onHead(isWhole: boolean): readonly AddedHeader[] {
    const { manager, opened, response } = this;
    if (!isWhole && opened.isStored) endWithSession(opened, response);
    return cookieHeaders(manager, opened);
  }

  override onClosed(): void {
    const { opened, request } = this;
    opened.reportLateChanges();
    if (request.session === opened.session) request.session = opened.afterResponse();
  }
}

function cookieHeaders(manager: SessionManager, opened: RequestSession): readonly AddedHeader[] {
  const { token, mark, standby, maxAge } = opened.cookieChanges();
  if (token === undefined && mark === undefined && standby === undefined) return NO_HEADERS;
  const headers: AddedHeader[] = [];
  const set = (name: string, value: string | null | undefined, maxAge: number | null) => {
    if (value === undefined) return;
    const lifetime = value === null ? { maxAge: 0 } : maxAge === null ? {} : { maxAge: Math.ceil(maxAge / 1000) };
    const attributes = { path: '/', httpOnly: true, sameSite: 'lax', secure: manager.options.secure } as const;
    headers.push({ name: 'Set-Cookie', value: stringifySetCookie(name, value ?? '', { ...attributes, ...lifetime }) });
  };
  set(manager.tokenCookie, token, maxAge);
  set(manager.markCookie, mark, maxAge);
  set(manager.standbyCookie, standby, COPY_LIFE_MS);
  // A cache that kept this answer would hand one person's session to another (RFC 9111, section 7.3).
  if (token || mark || standby) headers.push({ name: 'Cache-Control', value: 'no-store', ifMissing: true });
  return headers;
}

/** Ends a response that outlives its session: a stream must not go on after a logout. */
function endWithSession(opened: RequestSession, response: ServerResponse): void {
  let timer: NodeJS.Timeout;
  const look = () => {
    opened.reportLateChanges();
    void opened.hasEnded().then(
      (ended) => (ended ? response.destroy() : wait()),
      // A store that cannot tell is a fault, not the session's end.
      () => wait(),
    );
  };
  const wait = () => {
    if (!response.closed) timer = setTimeout(look, STREAM_CHECK_MS).unref();
  };
  wait();
  response.once('close', () => clearTimeout(timer));
}

/** The app's own answer, and a short one where that fails or Node refuses it. Never rejects. */
async function answersTo(manager: SessionManager, error: unknown, request: IncomingMessage): Promise<FailureAnswer[]> {
  const failure =
    error instanceof SessionError
      ? error
      : new StoreUnavailableError('The session could not be read or stored.', { cause: error });
  const answers = [defaultAnswer(failure)];
  try {
    const own = await manager.options.failure?.(failure, request);
    if (own) answers.unshift(own);
  } catch (error) {
    manager.report({ type: 'response-error', error });
  }
  return answers.map((answer) => {
    const length = String(Buffer.byteLength(answer.body));
    return { ...answer, headers: { 'Cache-Control': 'no-store', ...answer.headers, 'Content-Length': length } };
  });
}

/** 503 asks to come again; a session that ended meanwhile asks to log in. */
const STATUS: Record<string, number> = {
  session_store_unavailable: 503,
  session_outage: 503,
  session_conflict: 503,
  request_over: 503,
  session_ended: 401,
  session_usage: 500,
};

/** The status that fits this error. */
export function failureStatus(error: SessionError): number {
  return STATUS[error.code] ?? 500;
}

function defaultAnswer(error: SessionError): FailureAnswer {
  const status = failureStatus(error);
  const message = status === 500 ? 'The session could not be stored.' : error.message;
  return {
    status,
    headers: { 'Content-Type': 'application/json', ...(status === 503 && { 'Retry-After': '1' }) },
    body: JSON.stringify({ error: { code: error.code, message } }),
  };
}
