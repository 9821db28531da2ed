// The routes to register, to sign in and out, and to end sessions.
import { confirmation, proof } from '../account/account.schemas.js';
import { codeInput } from '../factors/factors.schemas.js';
import { passkeyLogin } from '../passkeys/passkeys.schemas.js';
import { credentials, registration } from '../users/user.schemas.js';
import { answer, type Route } from './route.js';

export const signInRoutes: readonly Route[] = [
  {
    route: 'POST /api/register',
    does: 'Creates an account and signs in',
    for: 'everybody',
    body: registration,
    answers: { 201: answer.user, 409: 'An account with this address exists', 422: answer.wrong, 429: answer.slow },
  },
  {
    route: 'POST /api/login',
    does: 'Signs in; with two-step verification, this is the first step',
    for: 'everybody',
    body: credentials,
    answers: {
      200: answer.user,
      401: 'Wrong address or password, or a second step is required',
      403: 'The account is deactivated',
      429: answer.slow,
    },
  },
  {
    route: 'POST /api/login/second',
    does: 'Second step of signing in: a code from the authenticator app, or a recovery code',
    for: 'everybody',
    body: codeInput,
    answers: {
      200: answer.user,
      401: 'The first step is missing or has expired',
      403: 'Too many codes were wrong: only a recovery code, a passkey or the link of the e-mail helps',
      422: answer.wrong,
      429: answer.slow,
    },
  },
  {
    route: 'POST /api/login/unlock',
    does: 'Accepts codes of the authenticator app again, after too many wrong ones, with the token of the e-mail',
    for: 'everybody',
    body: confirmation,
    answers: {
      204: 'Codes are accepted',
      400: 'The token is unknown, has expired or has been used',
      422: answer.wrong,
    },
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
    answers: {
      200: answer.user,
      401: 'The passkey was not accepted',
      403: 'The account is deactivated',
      422: answer.wrong,
    },
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
    for: 'signed-in users',
    answers: { 200: 'The user, the server and the session' },
  },
  {
    route: 'POST /api/reauthenticate',
    does: 'Confirms the identity (re-authentication): by a passkey, by a code if two-step verification is on, else by the password',
    for: 'signed-in users',
    body: proof,
    answers: {
      204: 'Confirmed for five minutes; the session has a new token',
      401: 'The passkey was not accepted',
      403: 'Too many codes were wrong: only a recovery code, a passkey or the link of the e-mail helps',
      422: answer.wrong,
      429: answer.slow,
    },
  },
  {
    route: 'GET /api/sessions',
    does: 'Lists the sessions of the user',
    for: 'signed-in users',
    answers: { 200: 'The sessions', 501: 'The session method keeps no list of sessions' },
  },
  {
    route: 'DELETE /api/sessions',
    does: 'Ends all sessions except this one',
    for: 'signed-in users',
    answers: { 204: 'Ended', 403: answer.stale },
  },
  {
    route: 'DELETE /api/sessions/{handle}',
    does: 'Ends one session',
    for: 'signed-in users',
    answers: {
      204: 'Ended',
      403: answer.stale,
      404: 'The session does not exist',
      501: 'The session method keeps no list of sessions',
    },
  },
];
