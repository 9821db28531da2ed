// The events of the audit log (OWASP ASVS 5.0, V16.2 and V16.3).
import { randomBytes } from 'node:crypto';
import { accountKey } from '../users/account-key.js';

/** The names of the events. They are stable. */
export type AuditEventName =
  | 'registered'
  | 'login'
  | 'login-failed'
  | 'login-throttled'
  | 'logout'
  | 'session-ended'
  | 'other-sessions-ended'
  | 'session-theft'
  | 'form-refused'
  | 'cross-site-refused'
  | 'access-refused'
  | 'email-taken'
  | 'link-refused'
  | 'attempt-throttled'
  | 'password-forgotten'
  | 'password-reset'
  | 'password-changed'
  | 'reauthenticated'
  | 'reauthentication-asked'
  | 'reauthentication-failed'
  | 'email-verified'
  | 'email-change-asked'
  | 'email-changed'
  | 'second-factor-asked'
  | 'second-factor-failed'
  | 'second-factor-refused'
  | 'recovery-code-used'
  | 'codes-allowed'
  | 'data-exported'
  | 'account-deleted'
  | 'mail-refused'
  | 'not-me'
  | 'factor-added'
  | 'factor-removed'
  | 'admin';

export interface AuditEvent {
  /** 16 bytes that begin with the time, so that a repeated insert finds its own row and inserts append. */
  readonly id: Buffer;
  /** Milliseconds since 1970, shown in UTC. */
  readonly at: number;
  readonly event: AuditEventName;
  /**
   * The user, if known. For an action of an administrator, the user that it concerns; the details name the
   * administrator.
   */
  readonly userId: string | null;
  /** The key of the login name (`accountKey`): it relates attempts without storing the address. */
  readonly account: string | null;
  readonly ip: string;
  readonly server: string;
  readonly requestId: string | null;
  /** Never a token, a password or a whole e-mail address. */
  readonly details: Readonly<Record<string, string | number | boolean>>;
}

/** The input of an event. `email` is a login name as the user entered it; only its key is stored. */
export interface AuditEventInput {
  readonly event: AuditEventName;
  readonly server: string;
  readonly userId?: string;
  readonly email?: string;
  readonly ip?: string;
  readonly requestId?: string;
  readonly details?: AuditEvent['details'];
}

/** A new event, with the current time. */
export function auditEvent({ email, userId, ip, requestId, details = {}, ...rest }: AuditEventInput): AuditEvent {
  const at = Date.now();
  return {
    id: Buffer.concat([Buffer.from(at.toString(16).padStart(12, '0'), 'hex'), randomBytes(10)]),
    at,
    userId: userId ?? null,
    account: email === undefined ? null : accountKey(email),
    ip: (ip ?? '').slice(0, 45),
    requestId: requestId ?? null,
    details,
    ...rest,
  };
}
