// Refusals of a proof of identity that are more than an input error.
import { InvalidInputError, RequestError } from './app.errors.js';

/** What was to prove the identity is wrong: the current password, or a code. */
export class WrongProofError extends InvalidInputError {
  constructor(
    readonly of: 'currentPassword' | 'code',
    message: string,
  ) {
    super({ [of]: message });
  }
}

/** So many codes were wrong that no code of the authenticator app is taken any more. */
export class CodesRefusedError extends RequestError {
  constructor() {
    super(
      403,
      'codes_refused',
      'Too many wrong codes were entered for this account, so codes from the authenticator app are not accepted now. ' +
        'Please open the link in the e-mail that we sent you, or use a recovery code or a passkey.',
    );
  }
}
