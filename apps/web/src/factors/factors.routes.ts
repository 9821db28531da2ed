// What the API's description says of these routes.
import { confirmation } from '../account/account.schemas.js';
import { codeInput, passwordInput } from './factors.schemas.js';
import { answer, type ApiRoute } from '../openapi/api-route.js';

export const factorsRoutes: readonly ApiRoute[] = [
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
];
