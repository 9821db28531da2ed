// The routes to change one's account: e-mail address, password, second factor, passkeys, export and deletion.
import { confirmation, deletion, emailChange, forgotten, passwordChange, reset } from '../account/account.schemas.js';
import { codeInput, passwordInput } from '../factors/factors.schemas.js';
import { passkeyCreation } from '../passkeys/passkeys.schemas.js';
import { answer, type Route } from './route.js';

export const accountRoutes: readonly Route[] = [
  {
    route: 'POST /api/email/verification',
    does: 'Sends the confirmation e-mail again',
    for: 'signed-in users',
    answers: { 202: 'The e-mail is being sent', 429: answer.slow },
  },
  {
    route: 'POST /api/email/confirm',
    does: 'Confirms an e-mail address with the token of the e-mail',
    for: 'signed-in users',
    body: confirmation,
    answers: {
      204: 'Confirmed',
      400: 'The token is unknown, has expired or has been used',
      403: 'The token belongs to another account',
      409: 'An account with this address exists',
      422: answer.wrong,
    },
  },
  {
    route: 'PUT /api/email',
    does: 'Sends a confirmation e-mail to a new address; the address changes when it is confirmed',
    for: 'signed-in users',
    body: emailChange,
    answers: {
      202: 'The e-mail is being sent',
      403: answer.stale,
      409: 'An account with this address exists',
      422: answer.wrong,
      429: answer.slow,
    },
  },
  {
    route: 'POST /api/password/forgotten',
    does: 'Sends an e-mail with a token to set a new password, if there is an account with this address',
    for: 'everybody',
    body: forgotten,
    answers: { 202: 'The same for every address', 422: answer.wrong, 429: answer.slow },
  },
  {
    route: 'POST /api/password/reset',
    does: 'Sets a new password with the token of the e-mail; ends all sessions',
    for: 'everybody',
    body: reset,
    answers: {
      204: 'The password is changed',
      400: 'The token is unknown, has expired or has been used',
      422: answer.wrong,
    },
  },
  {
    route: 'POST /api/not-me',
    does: 'With the token of a notice: ends all sessions and the password, and sends an e-mail to set a new one',
    for: 'everybody',
    body: confirmation,
    answers: { 204: 'Done', 400: 'The token is unknown, has expired or has been used', 422: answer.wrong },
  },
  {
    route: 'PUT /api/password',
    does: 'Changes the password; ends all other sessions unless endOtherSessions is false',
    for: 'signed-in users',
    body: passwordChange,
    answers: { 204: 'Changed; the session has a new token', 403: answer.stale, 422: answer.wrong, 429: answer.slow },
  },
  {
    route: 'GET /api/account/export',
    does: 'Exports the data of the account',
    for: 'signed-in users',
    answers: { 200: 'The data', 403: answer.stale },
  },
  {
    route: 'DELETE /api/account',
    does: 'Deletes the account and ends all its sessions',
    for: 'signed-in users',
    body: deletion,
    answers: { 204: 'Deleted', 403: answer.stale, 422: answer.wrong, 429: answer.slow },
  },
  {
    route: 'GET /api/factors',
    does: 'Whether two-step verification is on, and how many recovery codes are left',
    for: 'signed-in users',
    answers: { 200: 'The factors' },
  },
  {
    route: 'POST /api/factors/totp',
    does: 'Creates the secret for an authenticator app',
    for: 'signed-in users',
    body: passwordInput,
    answers: { 201: 'The secret, also as an otpauth: URI', 422: answer.wrong, 429: answer.slow },
  },
  {
    route: 'POST /api/factors/totp/confirm',
    does: 'Turns on two-step verification with a code from the app; ends all other sessions',
    for: 'signed-in users',
    body: codeInput,
    answers: { 200: 'The recovery codes, shown once', 403: answer.stale, 422: answer.wrong, 429: answer.slow },
  },
  {
    route: 'DELETE /api/factors/totp',
    does: 'Turns off two-step verification; ends all other sessions',
    for: 'signed-in users',
    body: passwordInput,
    answers: { 204: 'Turned off', 403: answer.stale, 422: answer.wrong, 429: answer.slow },
  },
  {
    route: 'GET /api/passkeys',
    does: 'Lists the passkeys of the user',
    for: 'signed-in users',
    answers: { 200: 'The passkeys' },
  },
  {
    route: 'POST /api/passkeys/options',
    does: 'Options to create a passkey',
    for: 'signed-in users',
    answers: {
      200: 'PublicKeyCredentialCreationOptionsJSON of WebAuthn',
      403: answer.stale,
      422: 'The user has too many passkeys',
    },
  },
  {
    route: 'POST /api/passkeys',
    does: 'Adds a passkey; ends all other sessions unless endOtherSessions is false',
    for: 'signed-in users',
    body: passkeyCreation,
    answers: { 201: 'The passkey', 401: 'The passkey was not accepted', 403: answer.stale, 422: answer.wrong },
  },
  {
    route: 'DELETE /api/passkeys/{id}',
    does: 'Removes a passkey; ends all other sessions',
    for: 'signed-in users',
    answers: {
      204: 'Removed',
      403: answer.stale,
      404: 'The passkey does not exist',
      422: 'The site requires two-step verification',
    },
  },
];
