// What the API has, route by route: what its description (`openapi.ts`) is made from. A test compares it with the app.
import type { z } from 'zod';
import {
  confirmation,
  deletion,
  emailChange,
  forgotten,
  passwordChange,
  proof,
  reset,
} from '../account/account.schemas.js';
import { auditQuery, userChange, userQuery } from '../admin/admin.schemas.js';
import { quantityBody } from '../cart/cart.schemas.js';
import { codeInput, passwordInput } from '../factors/factors.schemas.js';
import { passkeyCreation, passkeyLogin } from '../passkeys/passkeys.schemas.js';
import { credentials, registration } from '../users/user.schemas.js';

export interface Route {
  /** Method and path, with parameters in braces. */
  readonly route: `${'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'} /api/${string}`;
  readonly does: string;
  readonly for: 'everybody' | 'who is signed in' | 'administrators';
  readonly body?: z.ZodType;
  readonly query?: z.ZodObject;
  /** The answer when it worked, then what it may be refused for, beyond what all are. */
  readonly answers: Readonly<Record<number, string>>;
}

const user = 'The user';
const stale = 'The identity was last confirmed more than five minutes ago';
const wrong = 'Some fields are missing or not valid';
const slow = 'Too many attempts; see Retry-After';

export const routes: readonly Route[] = [
  {
    route: 'POST /api/register',
    does: 'Creates an account and signs in',
    for: 'everybody',
    body: registration,
    answers: { 201: user, 409: 'An account with this address exists', 422: wrong, 429: slow },
  },
  {
    route: 'POST /api/login',
    does: 'Signs in; with two-step verification, this is the first step',
    for: 'everybody',
    body: credentials,
    answers: {
      200: user,
      401: 'Wrong address or password, or a second step is required',
      403: 'The account is deactivated',
      429: slow,
    },
  },
  {
    route: 'POST /api/login/second',
    does: 'Second step of signing in: a code from the authenticator app, or a recovery code',
    for: 'everybody',
    body: codeInput,
    answers: { 200: user, 401: 'The first step is missing or has expired', 422: wrong, 429: slow },
  },
  {
    route: 'POST /api/login/passkey/options',
    does: 'Options for a passkey request, to sign in or to confirm the identity',
    for: 'everybody',
    answers: { 200: 'PublicKeyCredentialRequestOptionsJSON of WebAuthn' },
  },
  {
    route: 'POST /api/login/passkey',
    does: 'Signs in with a passkey',
    for: 'everybody',
    body: passkeyLogin,
    answers: { 200: user, 401: 'The passkey was not accepted', 403: 'The account is deactivated', 422: wrong },
  },
  {
    route: 'POST /api/logout',
    does: 'Signs out',
    for: 'everybody',
    answers: {
      204: 'The session has ended on every server',
      202: 'Signed out in this browser; the session ends when its store is back',
    },
  },
  {
    route: 'GET /api/me',
    does: 'The signed-in user, the web server and the limits of the session',
    for: 'who is signed in',
    answers: { 200: 'The user, the server and the session' },
  },
  {
    route: 'POST /api/reauthenticate',
    does: 'Confirms the identity (re-authentication): by a passkey, by a code if two-step verification is on, else by the password',
    for: 'who is signed in',
    body: proof,
    answers: {
      204: 'Confirmed for five minutes; the session has a new token',
      401: 'The passkey was not accepted',
      422: wrong,
      429: slow,
    },
  },
  {
    route: 'GET /api/sessions',
    does: 'Lists the sessions of the user',
    for: 'who is signed in',
    answers: { 200: 'The sessions', 501: 'The session method keeps no list of sessions' },
  },
  {
    route: 'DELETE /api/sessions',
    does: 'Ends all sessions except this one',
    for: 'who is signed in',
    answers: { 204: 'Ended', 403: stale },
  },
  {
    route: 'DELETE /api/sessions/{handle}',
    does: 'Ends one session',
    for: 'who is signed in',
    answers: {
      204: 'Ended',
      403: stale,
      404: 'The session does not exist',
      501: 'The session method keeps no list of sessions',
    },
  },
  { route: 'GET /api/cart', does: 'The cart', for: 'everybody', answers: { 200: 'The items' } },
  {
    route: 'PUT /api/cart/{item}',
    does: 'Sets the quantity of an item in the cart',
    for: 'everybody',
    body: quantityBody,
    answers: { 200: 'The items', 422: wrong },
  },
  {
    route: 'DELETE /api/cart/{item}',
    does: 'Removes an item from the cart',
    for: 'everybody',
    answers: { 200: 'The items', 422: wrong },
  },
  {
    route: 'POST /api/email/verification',
    does: 'Sends the confirmation e-mail again',
    for: 'who is signed in',
    answers: { 202: 'The e-mail is being sent', 429: slow },
  },
  {
    route: 'POST /api/email/confirm',
    does: 'Confirms an e-mail address with the token of the e-mail',
    for: 'who is signed in',
    body: confirmation,
    answers: {
      204: 'Confirmed',
      400: 'The token is unknown, has expired or has been used',
      403: 'The token belongs to another account',
      409: 'An account with this address exists',
      422: wrong,
    },
  },
  {
    route: 'PUT /api/email',
    does: 'Sends a confirmation e-mail to a new address; the address changes when it is confirmed',
    for: 'who is signed in',
    body: emailChange,
    answers: {
      202: 'The e-mail is being sent',
      403: stale,
      409: 'An account with this address exists',
      422: wrong,
      429: slow,
    },
  },
  {
    route: 'POST /api/password/forgotten',
    does: 'Sends an e-mail with a token to set a new password, if there is an account with this address',
    for: 'everybody',
    body: forgotten,
    answers: { 202: 'The same for every address', 422: wrong, 429: slow },
  },
  {
    route: 'POST /api/password/reset',
    does: 'Sets a new password with the token of the e-mail; ends all sessions',
    for: 'everybody',
    body: reset,
    answers: { 204: 'The password is changed', 400: 'The token is unknown, has expired or has been used', 422: wrong },
  },
  {
    route: 'PUT /api/password',
    does: 'Changes the password; ends all other sessions unless endOtherSessions is false',
    for: 'who is signed in',
    body: passwordChange,
    answers: { 204: 'Changed; the session has a new token', 403: stale, 422: wrong, 429: slow },
  },
  {
    route: 'GET /api/account/export',
    does: 'Exports the data of the account',
    for: 'who is signed in',
    answers: { 200: 'The data', 403: stale },
  },
  {
    route: 'DELETE /api/account',
    does: 'Deletes the account and ends all its sessions',
    for: 'who is signed in',
    body: deletion,
    answers: { 204: 'Deleted', 403: stale, 422: wrong, 429: slow },
  },
  {
    route: 'GET /api/factors',
    does: 'Whether two-step verification is on, and how many recovery codes are left',
    for: 'who is signed in',
    answers: { 200: 'The factors' },
  },
  {
    route: 'POST /api/factors/totp',
    does: 'Creates the secret for an authenticator app',
    for: 'who is signed in',
    body: passwordInput,
    answers: { 201: 'The secret, also as an otpauth: URI', 422: wrong, 429: slow },
  },
  {
    route: 'POST /api/factors/totp/confirm',
    does: 'Turns on two-step verification with a code from the app; ends all other sessions',
    for: 'who is signed in',
    body: codeInput,
    answers: { 200: 'The recovery codes, shown once', 403: stale, 422: wrong, 429: slow },
  },
  {
    route: 'DELETE /api/factors/totp',
    does: 'Turns off two-step verification; ends all other sessions',
    for: 'who is signed in',
    body: passwordInput,
    answers: { 204: 'Turned off', 403: stale, 422: wrong, 429: slow },
  },
  {
    route: 'GET /api/passkeys',
    does: 'Lists the passkeys of the user',
    for: 'who is signed in',
    answers: { 200: 'The passkeys' },
  },
  {
    route: 'POST /api/passkeys/options',
    does: 'Options to create a passkey',
    for: 'who is signed in',
    answers: {
      200: 'PublicKeyCredentialCreationOptionsJSON of WebAuthn',
      403: stale,
      422: 'The user has too many passkeys',
    },
  },
  {
    route: 'POST /api/passkeys',
    does: 'Adds a passkey; ends all other sessions unless endOtherSessions is false',
    for: 'who is signed in',
    body: passkeyCreation,
    answers: { 201: 'The passkey', 401: 'The passkey was not accepted', 403: stale, 422: wrong },
  },
  {
    route: 'DELETE /api/passkeys/{id}',
    does: 'Removes a passkey; ends all other sessions',
    for: 'who is signed in',
    answers: {
      204: 'Removed',
      403: stale,
      404: 'The passkey does not exist',
      422: 'The site requires two-step verification',
    },
  },
  {
    route: 'GET /api/admin/users',
    does: 'A page of accounts, ordered by address',
    for: 'administrators',
    query: userQuery,
    answers: { 200: 'The accounts, and where the next page begins', 422: wrong },
  },
  {
    route: 'GET /api/admin/users/{id}',
    does: 'An account and its sessions',
    for: 'administrators',
    answers: { 200: 'The account' },
  },
  {
    route: 'PATCH /api/admin/users/{id}',
    does: 'Grants or revokes the administrator role, deactivates or activates the account; ends all its sessions',
    for: 'administrators',
    body: userChange,
    answers: { 204: 'Done', 403: stale, 422: wrong },
  },
  {
    route: 'DELETE /api/admin/users/{id}/sessions',
    does: 'Ends all sessions of a user',
    for: 'administrators',
    answers: { 204: 'Ended', 403: stale },
  },
  {
    route: 'DELETE /api/admin/users/{id}/sessions/{handle}',
    does: 'Ends one session of a user',
    for: 'administrators',
    answers: { 204: 'Ended', 403: stale },
  },
  {
    route: 'GET /api/admin/audit',
    does: 'A page of the audit log, newest first',
    for: 'administrators',
    query: auditQuery,
    answers: { 200: 'The events, and where the next page begins', 422: wrong },
  },
  {
    route: 'GET /api/openapi.json',
    does: 'This description',
    for: 'administrators',
    answers: { 200: 'OpenAPI 3.1' },
  },
];
