// The answer to a request whose session could not be read or kept.
import type { IncomingMessage } from 'node:http';
import { SessionError, SessionTooLargeError, StoreUnavailableError, TooManySessionsError } from '../core/errors.js';
import type { FailureAnswer } from '../core/options.js';
import type { SessionManager } from '../manager.js';

/** The app's own answer, and a short one where that fails or Node refuses it. Never rejects. */
export async function answersTo(
  manager: SessionManager,
  error: unknown,
  request: IncomingMessage,
): Promise<FailureAnswer[]> {
  const failure =
    error instanceof SessionError
      ? error
      : new StoreUnavailableError('The session could not be read or stored.', { cause: error });
  const answers = [defaultAnswer(failure)];
  // Its answer does not say what the handler did wrong; `failure` is told.
  if (!manager.options.failure && failureStatus(failure) === 500)
    manager.report({ type: 'response-error', error: failure });
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

/** 503 and 429 ask to come again; a session that ended meanwhile asks to log in; 409 to put less into it. */
const STATUS: Record<string, number> = {
  session_store_unavailable: 503,
  session_outage: 503,
  session_conflict: 503,
  request_over: 503,
  session_ended: 401,
  session_too_large: 409,
  too_many_sessions: 429,
  session_usage: 500,
};

/** The status that fits this error. */
export function failureStatus(error: SessionError): number {
  return STATUS[error.code] ?? 500;
}

function defaultAnswer(error: SessionError): FailureAnswer {
  const status = failureStatus(error);
  const retryAfter = error instanceof TooManySessionsError ? Math.ceil(error.waitMs / 1000) : 1;
  const mayRetry = status === 503 || status === 429;
  return {
    status,
    headers: { 'Content-Type': 'application/json', ...(mayRetry && { 'Retry-After': String(retryAfter) }) },
    body: JSON.stringify({ error: { code: error.code, message: messageOf(error, status) } }),
  };
}

/** The names of an app's keys are not for its visitors. */
function messageOf(error: SessionError, status: number): string {
  if (error instanceof SessionTooLargeError)
    return `The session has no room for this: it would take ${error.bytes} bytes of at most ${error.limit}.`;
  return status === 500 ? 'The session could not be stored.' : error.message;
}
