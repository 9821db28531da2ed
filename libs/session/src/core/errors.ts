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
  readonly code: string = 'session_usage';
}

/** What a handler has put into the session does not fit; nothing was stored. `message` names the biggest keys. */
export class SessionTooLargeError extends SessionUsageError {
  override readonly code = 'session_too_large';

  /**
   * @param bytes what the session would take
   * @param limit what it may take
   */
  constructor(
    message: string,
    readonly bytes: number,
    readonly limit: number,
  ) {
    super(message);
  }
}

/** The session of a visitor was not stored: this site keeps no more of them now. Users can sign in. */
export class TooManySessionsError extends SessionError {
  readonly code = 'too_many_sessions';

  /** @param waitMs after how many milliseconds to try again */
  constructor(readonly waitMs: number) {
    super('Too many visitors have begun a session. Please try again later.');
  }
}
