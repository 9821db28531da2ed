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

/** The fault of each field, by field name. */
export type FieldFaults = Readonly<Record<string, string>>;

export class InvalidInputError extends AppError {
  readonly code = 'invalid_input';
  readonly status = 422;

  constructor(readonly fields: FieldFaults) {
    super('Some fields are missing or not valid. Please correct them and try again.');
  }
}

export class InvalidCredentialsError extends AppError {
  readonly code = 'invalid_credentials';
  readonly status = 401;

  constructor() {
    super('The e-mail address or the password is wrong. Please try again.');
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
export class AccountDeactivatedError extends AppError {
  readonly code = 'account_deactivated';
  readonly status = 403;

  constructor() {
    super('This account is deactivated. Please contact the administrator of this site.');
  }
}

/** The token of an e-mail is unknown, has expired or was used. */
export class InvalidTokenError extends AppError {
  readonly code = 'invalid_token';
  readonly status = 400;

  constructor() {
    super('This link has expired or has already been used. Please request a new one.');
  }
}

/** The token of an e-mail belongs to another account than the signed-in one. */
export class OtherAccountError extends AppError {
  readonly code = 'other_account';
  readonly status = 403;

  constructor() {
    super('This link belongs to another account. Please sign out, open the link again and sign in to that account.');
  }
}

/** The password was right; the code of the second factor is still missing. */
export class SecondFactorRequiredError extends AppError {
  readonly code = 'second_factor_required';
  readonly status = 401;

  constructor() {
    super('Please enter the code from your authenticator app, or a recovery code.');
  }
}

/** The site requires a second factor and this account has none: only setting one up is allowed. */
export class SecondFactorMissingError extends AppError {
  readonly code = 'second_factor_missing';
  readonly status = 403;

  constructor() {
    super('This site requires two-step verification. Please set it up, or add a passkey, to continue.');
  }
}

/** The site requires a second factor, and the account's one is a passkey, which replaces the password. */
export class PasskeyRequiredError extends AppError {
  readonly code = 'passkey_required';
  readonly status = 401;

  constructor() {
    super('This site does not accept a password alone. Please sign in with one of your passkeys.');
  }
}

/** The signature is not by a known passkey, or not for the challenge of this browser. */
export class InvalidPasskeyError extends AppError {
  readonly code = 'invalid_passkey';
  readonly status = 401;

  constructor() {
    super('This passkey was not accepted. Please try again, or use another passkey.');
  }
}

export class LoginExpiredError extends AppError {
  readonly code = 'login_expired';
  readonly status = 401;

  constructor() {
    super('Your sign-in has expired. Please enter your e-mail address and password again.');
  }
}

export class NotSignedInError extends AppError {
  readonly code = 'not_signed_in';
  readonly status = 401;

  constructor() {
    super('Please sign in to continue.');
  }
}

export class EmailTakenError extends AppError {
  readonly code = 'email_taken';
  readonly status = 409;

  constructor() {
    super('An account with this e-mail address already exists. Please use another address.');
  }
}

/** The last re-authentication is too old; pages redirect to the form for a new one. */
export class ReauthenticationRequiredError extends AppError {
  readonly code = 'reauthentication_required';
  readonly status = 403;

  constructor() {
    super('Please confirm your identity to continue.');
  }
}

export class InvalidFormTokenError extends AppError {
  readonly code = 'invalid_form_token';
  readonly status = 403;

  constructor() {
    super('This form has expired. Please go back, reload the page and try again.');
  }
}

/** Another site made the browser send the request. */
export class CrossSiteError extends AppError {
  readonly code = 'cross_site';
  readonly status = 403;

  constructor() {
    super('This request came from another site and was refused. Please use the pages of this site.');
  }
}

/** A form came without the cookie that every page sets. */
export class CookiesOffError extends AppError {
  readonly code = 'cookies_off';
  readonly status = 403;

  constructor() {
    super(
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
export class OverloadedError extends AppError {
  readonly code = 'overloaded';
  readonly status = 503;
  override readonly retryAfter = 2;

  constructor() {
    super('The server is busy. Please try again in a moment.');
  }
}

/** The request exceeded its time limit. */
export class DeadlineError extends AppError {
  readonly code = 'timeout';
  readonly status = 503;
  override readonly retryAfter = 1;

  constructor() {
    super('The request took too long. Please try again in a moment.');
  }
}

/** A store that the request needs does not answer. */
export class UnavailableError extends AppError {
  readonly code = 'unavailable';
  readonly status = 503;
  override readonly retryAfter = 2;

  constructor() {
    super('The service is temporarily unavailable. You have not been signed out. Please try again shortly.');
  }
}

/** A request that may not be repeated failed after its handler had begun. */
export class OutcomeUnknownError extends AppError {
  readonly code = 'outcome_unknown';
  readonly status = 502;

  constructor() {
    super(
      'Something went wrong, and we cannot tell whether your request was completed. Please check before you try again.',
    );
  }
}

/** The session store does not answer, and the site is read-only. */
export class OutageError extends AppError {
  readonly code = 'outage';
  readonly status = 503;
  override readonly retryAfter = 2;

  constructor() {
    super(
      'Changes are not possible at the moment, and nothing was changed. You have not been signed out. Please try again shortly.',
    );
  }
}

/** A violation of the protocol: the body cannot be read, the method or address does not exist, and so on. */
export class RequestError extends AppError {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}
