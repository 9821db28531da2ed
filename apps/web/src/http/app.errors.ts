// The errors that a request can be refused with: small classes with a stable code and a status.

/** The base class of the app's errors. `code` is stable; `message` is for users and may change. */
export abstract class AppError extends Error {
  abstract readonly code: string;
  abstract readonly status: number;
  /** After how many seconds the client may try again; sent as `Retry-After`. */
  readonly retryAfter?: number;
  /** Whose identity was to be proved, where that is not the signed-in user; for the audit log. */
  whom: { readonly userId?: string; readonly email?: string } = {};

  concerning(whom: AppError['whom']): this {
    this.whom = whom;
    return this;
  }

  override get name(): string {
    return this.constructor.name;
  }
}

/** An error of this status and code. By itself a violation of the protocol: a body that cannot be read, an unknown address. */
export class RequestError extends AppError {
  /** @param retryAfter seconds */
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    override readonly retryAfter?: number,
  ) {
    super(message);
  }
}

/** The fault of each field, by field name. */
export type FieldFaults = Readonly<Record<string, string>>;

export class InvalidInputError extends AppError {
  readonly code = 'invalid_input';
  readonly status = 422;

  constructor(readonly fields: FieldFaults) {
    super('Some fields are missing or not valid. Please correct them and try again.');
  }
}

export class InvalidCredentialsError extends RequestError {
  constructor() {
    super(401, 'invalid_credentials', 'The e-mail address or the password is wrong. Please try again.');
  }
}

/** Too many failed attempts, or too many attempts. The same for accounts that exist and for others. */
export class TooManyAttemptsError extends AppError {
  readonly code = 'too_many_attempts';
  readonly status = 429;
  override readonly retryAfter: number;

  /** @param wayOut what whoever has a right to it does instead of waiting */
  constructor(waitMs: number, wayOut = '') {
    const seconds = Math.max(1, Math.ceil(waitMs / 1_000));
    const wait = seconds < 120 ? `${seconds} seconds` : `${Math.ceil(seconds / 60)} minutes`;
    super(
      `Too many attempts. Please wait ${seconds === 1 ? 'a second' : wait} and try again.${wayOut && ` ${wayOut}`}`,
    );
    this.retryAfter = seconds;
  }
}

/** The credentials were right, but the account is deactivated. */
export class AccountDeactivatedError extends RequestError {
  constructor() {
    super(403, 'account_deactivated', 'This account is deactivated. Please contact the administrator of this site.');
  }
}

/** The token of an e-mail is unknown, has expired or was used. */
export class InvalidTokenError extends RequestError {
  constructor() {
    super(400, 'invalid_token', 'This link has expired or has already been used. Please request a new one.');
  }
}

/** The token of an e-mail belongs to another account than the signed-in one. */
export class OtherAccountError extends RequestError {
  constructor() {
    super(
      403,
      'other_account',
      'This link belongs to another account. Please sign out, open the link again and sign in to that account.',
    );
  }
}

/** The password was right; the code of the second factor is still missing. */
export class SecondFactorRequiredError extends RequestError {
  constructor() {
    super(401, 'second_factor_required', 'Please enter the code from your authenticator app, or a recovery code.');
  }
}

/** The site requires a second factor and this account has none: only setting one up is allowed. */
export class SecondFactorMissingError extends RequestError {
  constructor() {
    super(
      403,
      'second_factor_missing',
      'This site requires two-step verification. Please set it up, or add a passkey, to continue.',
    );
  }
}

/** The site requires a second factor, and the account's one is a passkey, which replaces the password. */
export class PasskeyRequiredError extends RequestError {
  constructor() {
    super(
      401,
      'passkey_required',
      'This site does not accept a password alone. Please sign in with one of your passkeys.',
    );
  }
}

/** The signature is not by a known passkey, or not for the challenge of this browser. */
export class InvalidPasskeyError extends RequestError {
  constructor() {
    super(401, 'invalid_passkey', 'This passkey was not accepted. Please try again, or use another passkey.');
  }
}

export class LoginExpiredError extends RequestError {
  constructor() {
    super(401, 'login_expired', 'Your sign-in has expired. Please enter your e-mail address and password again.');
  }
}

export class NotSignedInError extends RequestError {
  constructor() {
    super(401, 'not_signed_in', 'Please sign in to continue.');
  }
}

export class EmailTakenError extends RequestError {
  constructor() {
    super(409, 'email_taken', 'An account with this e-mail address already exists. Please use another address.');
  }
}

/** The last re-authentication is too old; pages redirect to the form for a new one. */
export class ReauthenticationRequiredError extends RequestError {
  constructor() {
    super(403, 'reauthentication_required', 'Please confirm your identity to continue.');
  }
}

export class InvalidFormTokenError extends RequestError {
  constructor() {
    super(403, 'invalid_form_token', 'This form has expired. Please go back, reload the page and try again.');
  }
}

/** Another site made the browser send the request. */
export class CrossSiteError extends RequestError {
  constructor() {
    super(403, 'cross_site', 'This request came from another site and was refused. Please use the pages of this site.');
  }
}

/** A form came without the cookie that every page sets. */
export class CookiesOffError extends RequestError {
  constructor() {
    super(
      403,
      'cookies_off',
      'Your browser sent no cookies, and this site needs them to keep you signed in. ' +
        'Please allow cookies for this site, reload the page and try again.',
    );
  }
}

export class NotFoundError extends AppError {
  readonly code = 'not_found';
  readonly status = 404;

  constructor(message = 'Nothing was found at this address.') {
    super(message);
  }
}

/** The session method does not support the operation. */
export class NotSupportedError extends AppError {
  readonly code = 'not_supported';
  readonly status = 501;
}

/** The server is overloaded. Final: not to be retried on another server. */
export class OverloadedError extends RequestError {
  constructor() {
    super(503, 'overloaded', 'The server is busy. Please try again in a moment.', 2);
  }
}

/** The request exceeded its time limit. */
export class DeadlineError extends RequestError {
  constructor() {
    super(503, 'timeout', 'The request took too long. Please try again in a moment.', 1);
  }
}

/** A store that the request needs does not answer. */
export class UnavailableError extends RequestError {
  constructor() {
    super(
      503,
      'unavailable',
      'The service is temporarily unavailable. You have not been signed out. Please try again shortly.',
      2,
    );
  }
}

/** A request that may not be repeated failed after its handler had begun. */
export class OutcomeUnknownError extends RequestError {
  constructor() {
    super(
      502,
      'outcome_unknown',
      'Something went wrong, and we cannot tell whether your request was completed. Please check before you try again.',
    );
  }
}

/** The session store does not answer, and the site is read-only. */
export class OutageError extends RequestError {
  constructor() {
    super(
      503,
      'outage',
      'Changes are not possible at the moment, and nothing was changed. You have not been signed out. Please try again shortly.',
      2,
    );
  }
}
