// Every refusal of an identity check becomes an event of the audit log here, and nowhere else (OWASP ASVS 16.3.1, 16.3.3).
import { Injectable } from '@nestjs/common';
import { AppError } from '../http/app.errors.js';
import { WrongProofError } from '../http/refused.errors.js';
import type { AuditEvent, AuditEventName } from './audit-event.js';
import { AuditService, type AuditedRequest } from './audit.service.js';

type Refused = AuditedRequest & { readonly path: string };

type Refusal = readonly [AuditEventName, AuditEvent['details']?];

/** The event of each refusal, by the code of its error. Errors without one are no refusals: faults of input, and others. */
const refusals: Readonly<Record<string, (request: Refused) => Refusal>> = {
  invalid_credentials: () => ['login-failed'],
  passkey_required: () => ['login-failed', { reason: 'passkey-required' }],
  account_deactivated: (request) => [failedProof(request), { reason: 'deactivated' }],
  invalid_passkey: (request) => [failedProof(request), { by: 'passkey' }],
  login_expired: () => ['second-factor-failed', { reason: 'expired' }],
  codes_refused: () => ['second-factor-refused'],
  reauthentication_required: () => ['reauthentication-asked'],
  too_many_attempts: ({ path }) => [/^(\/api)?\/login$/.test(path) ? 'login-throttled' : 'attempt-throttled'],
  invalid_token: () => ['link-refused'],
  other_account: () => ['link-refused', { reason: 'other-account' }],
  email_taken: () => ['email-taken'],
  cross_site: () => ['cross-site-refused'],
  invalid_form_token: () => ['form-refused'],
};

@Injectable()
export class Refusals {
  private readonly noted = new WeakSet<Error>();

  constructor(private readonly audit: AuditService) {}

  /**
   * Called with each error that a request is answered by, by the filter for what a handler throws and by `PageResponder.refuse`
   * for what a page shows. Notes each once.
   */
  note(request: Refused, error: unknown): void {
    if (!(error instanceof AppError) || this.noted.has(error)) return;
    this.noted.add(error);
    const refusal = error instanceof WrongProofError ? wrongProof(error) : refusals[error.code]?.(request);
    if (!refusal) return;
    const [event, details] = refusal;
    const path = request.path.slice(0, 200);
    const wait = error.retryAfter !== undefined && { waitSeconds: error.retryAfter };
    this.audit.note(event, request, error.whom, { ...details, ...wait, path });
  }
}

function failedProof(request: Refused): AuditEventName {
  return request.user ? 'reauthentication-failed' : 'login-failed';
}

function wrongProof({ of }: WrongProofError): Refusal {
  return [of === 'code' ? 'second-factor-failed' : 'reauthentication-failed'];
}
