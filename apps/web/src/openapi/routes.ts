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
const stale = 'The last proof of identity is older than five minutes';
const wrong = 'Some fields need another value';
const slow = 'Too many attempts; see Retry-After';

export const routes: readonly Route[] = [
  {
    route: 'POST /api/register',
    does: 'Opens an account and signs in',
    for: 'everybody',
    body: registration,
    answers: { 201: user, 409: 'The address has an account', 422: wrong, 429: slow },
  },
  {
    route: 'POST /api/login',
    does: 'Signs in; with a second factor, the first step',
    for: 'everybody',
    body: credentials,
    answers: { 200: user, 401: 'Wrong, or second_factor_required', 403: 'Switched off', 429: slow },
  },
  {
    route: 'POST /api/login/second',
    does: 'The second step: the code of the app, or a recovery code',
    for: 'everybody',
    body: codeInput,
    answers: { 200: user, 401: 'There was no first step, or too long ago', 422: wrong, 429: slow },
  },
  {
    route: 'POST /api/login/passkey/options',
    does: 'What a browser needs to sign with a passkey, for signing in and for proving who one is',
    for: 'everybody',
    answers: { 200: 'PublicKeyCredentialRequestOptionsJSON of WebAuthn' },
  },
  {
    route: 'POST /api/login/passkey',
    does: 'Signs in with a passkey',
    for: 'everybody',
    body: passkeyLogin,
    answers: { 200: user, 401: 'Not accepted', 403: 'Switched off', 422: wrong },
  },
  {
    route: 'POST /api/logout',
    does: 'Signs out',
    for: 'everybody',
    answers: { 204: 'Signed out everywhere', 202: 'Signed out here; the session ends when its store is back' },
  },
  {
    route: 'GET /api/me',
    does: 'Who is signed in, on which server, until when',
    for: 'who is signed in',
    answers: { 200: 'The user, the server and the session' },
  },
  {
    route: 'POST /api/reauthenticate',
    does: 'Proves once more who one is: by a passkey, the second factor where there is one, else the password',
    for: 'who is signed in',
    body: proof,
    answers: { 204: 'Good for five minutes, with a new token', 401: 'Not accepted', 422: wrong, 429: slow },
  },
  {
    route: 'GET /api/sessions',
    does: 'Where one is signed in',
    for: 'who is signed in',
    answers: { 200: 'The sessions', 501: 'The session method keeps no list' },
  },
  {
    route: 'DELETE /api/sessions',
    does: 'Ends all sessions but this one',
    for: 'who is signed in',
    answers: { 204: 'Ended', 403: stale },
  },
  {
    route: 'DELETE /api/sessions/{handle}',
    does: 'Ends one session',
    for: 'who is signed in',
    answers: { 204: 'Ended', 403: stale, 404: 'No such session', 501: 'The session method keeps no list' },
  },
  { route: 'GET /api/cart', does: 'The cart', for: 'everybody', answers: { 200: 'The items' } },
  {
    route: 'PUT /api/cart/{item}',
    does: 'Sets how many of an item are in the cart',
    for: 'everybody',
    body: quantityBody,
    answers: { 200: 'The items', 422: wrong },
  },
  {
    route: 'DELETE /api/cart/{item}',
    does: 'Takes an item out',
    for: 'everybody',
    answers: { 200: 'The items', 422: wrong },
  },
  {
    route: 'POST /api/email/verification',
    does: 'Sends the mail that asks whether the address is right, once more',
    for: 'who is signed in',
    answers: { 202: 'On its way', 429: slow },
  },
  {
    route: 'POST /api/email/confirm',
    does: 'Takes the token of such a mail',
    for: 'who is signed in',
    body: confirmation,
    answers: {
      204: 'Confirmed',
      400: 'Unknown, too old or used',
      403: 'For another account',
      409: 'The address has an account',
      422: wrong,
    },
  },
  {
    route: 'PUT /api/email',
    does: 'Asks a new address whether it is right; it counts when it is confirmed',
    for: 'who is signed in',
    body: emailChange,
    answers: { 202: 'The mail is on its way', 403: stale, 409: 'The address has an account', 422: wrong, 429: slow },
  },
  {
    route: 'POST /api/password/forgotten',
    does: 'Sends the mail that lets somebody set a new password, if there is such an account',
    for: 'everybody',
    body: forgotten,
    answers: { 202: 'The same for every address', 422: wrong, 429: slow },
  },
  {
    route: 'POST /api/password/reset',
    does: 'Sets a new password with the token of such a mail; ends all sessions',
    for: 'everybody',
    body: reset,
    answers: { 204: 'Set', 400: 'Unknown, too old or used', 422: wrong },
  },
  {
    route: 'PUT /api/password',
    does: 'Changes the password',
    for: 'who is signed in',
    body: passwordChange,
    answers: { 204: 'Changed, with a new token', 403: stale, 422: wrong, 429: slow },
  },
  {
    route: 'GET /api/account/export',
    does: 'All that the site knows about who is signed in',
    for: 'who is signed in',
    answers: { 200: 'The data', 403: stale },
  },
  {
    route: 'DELETE /api/account',
    does: 'Removes the account, and signs out everywhere',
    for: 'who is signed in',
    body: deletion,
    answers: { 204: 'Removed', 403: stale, 422: wrong, 429: slow },
  },
  {
    route: 'GET /api/factors',
    does: 'Whether there is an authenticator app, and how many recovery codes are left',
    for: 'who is signed in',
    answers: { 200: 'The factors' },
  },
  {
    route: 'POST /api/factors/totp',
    does: 'Makes the secret for an authenticator app',
    for: 'who is signed in',
    body: passwordInput,
    answers: { 201: 'The secret, also as otpauth: address', 422: wrong, 429: slow },
  },
  {
    route: 'POST /api/factors/totp/confirm',
    does: 'Switches it on by a code of the app; ends all other sessions',
    for: 'who is signed in',
    body: codeInput,
    answers: { 200: 'The recovery codes, shown once', 403: stale, 422: wrong, 429: slow },
  },
  {
    route: 'DELETE /api/factors/totp',
    does: 'Switches it off; ends all other sessions',
    for: 'who is signed in',
    body: passwordInput,
    answers: { 204: 'Switched off', 403: stale, 422: wrong, 429: slow },
  },
  { route: 'GET /api/passkeys', does: 'One’s passkeys', for: 'who is signed in', answers: { 200: 'The passkeys' } },
  {
    route: 'POST /api/passkeys/options',
    does: 'What a browser needs to make a passkey',
    for: 'who is signed in',
    answers: { 200: 'PublicKeyCredentialCreationOptionsJSON of WebAuthn', 403: stale, 422: 'There are too many' },
  },
  {
    route: 'POST /api/passkeys',
    does: 'Adds a passkey; ends all other sessions unless told otherwise',
    for: 'who is signed in',
    body: passkeyCreation,
    answers: { 201: 'The passkey', 401: 'Not accepted', 403: stale, 422: wrong },
  },
  {
    route: 'DELETE /api/passkeys/{id}',
    does: 'Removes a passkey; ends all other sessions',
    for: 'who is signed in',
    answers: { 204: 'Removed', 403: stale, 404: 'No such passkey', 422: 'The site demands one' },
  },
  {
    route: 'GET /api/admin/users',
    does: 'A page of accounts, by address',
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
    does: 'Gives or takes the role, switches the account off or on; ends all its sessions',
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
    does: 'A page of the audit log, the newest first',
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
