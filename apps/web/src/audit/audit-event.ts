// What the audit log tells (OWASP ASVS 5.0, V16.2 and V16.3).
import { randomBytes } from 'node:crypto';
import { accountKey } from '../throttling/subjects.js';

/** Every kind of event; a stable name. */
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
  | 'password-forgotten'
  | 'password-reset'
  | 'password-changed'
  | 'reauthenticated'
  | 'reauthentication-failed'
  | 'email-verified'
  | 'email-change-asked'
  | 'email-changed'
  | 'second-factor-asked'
  | 'second-factor-failed'
  | 'recovery-code-used'
  | 'data-exported'
  | 'account-deleted'
  | 'factor-added'
  | 'factor-removed'
  | 'admin';

export interface AuditEvent {
  /** 16 bytes that begin with the time, so that a repeated insert finds its own row and inserts append. */
  readonly id: Buffer;
  /** Milliseconds since 1970, shown in UTC. */
  readonly at: number;
  readonly event: AuditEventName;
  /** Who, where it is known; an administrator's act names its subject here and the administrator in the details. */
  readonly userId: string | null;
  /** Of a login name: its key (`accountKey`), so that attempts can be related without keeping the address. */
  readonly account: string | null;
  readonly ip: string;
  readonly server: string;
  readonly requestId: string | null;
  /** Never a token, a password or a whole e-mail address. */
  readonly details: Readonly<Record<string, string | number | boolean>>;
}

/** What an event is made of; `email` is a login name as it was typed, of which only the key is kept. */
export interface AuditEventInput {
  readonly event: AuditEventName;
  readonly server: string;
  readonly userId?: string;
  readonly email?: string;
  readonly ip?: string;
  readonly requestId?: string;
  readonly details?: AuditEvent['details'];
}

/** The event of what happens now. */
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
