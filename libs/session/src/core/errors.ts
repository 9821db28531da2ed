// What can go wrong, as small classes with a stable code. Absences and conflicts are results, not errors.

/** Base of the module's errors; `code` is stable and may be matched on. */
export abstract class SessionError extends Error {
  abstract readonly code: string;
  override get name(): string {
    return this.constructor.name;
  }
}

/** The place that keeps the sessions could not answer in time. Never means "no session". */
export class StoreUnavailableError extends SessionError {
  readonly code = 'session_store_unavailable';
}

/** The store cannot answer, and the session is shown as it was a moment ago: nothing was changed. */
export class SessionOutageError extends SessionError {
  readonly code = 'session_outage';
}

/** The session was ended by another request while this one ran; what this one changed was not kept. */
export class SessionEndedError extends SessionError {
  readonly code = 'session_ended';
}

/** Too many others changed the same session at the same moment; nothing was changed. */
export class SessionConflictError extends SessionError {
  readonly code = 'session_conflict';
}

/** Nobody waits for this request's answer any more (see `SessionOptions.isOver`); what it changed was not kept. */
export class RequestOverError extends SessionError {
  readonly code = 'request_over';
}

/** `req.session` was used in a way that cannot be kept: after the response began, or with a value that is not JSON. */
export class SessionUsageError extends SessionError {
  readonly code = 'session_usage';
}
