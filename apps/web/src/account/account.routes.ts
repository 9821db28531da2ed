// What the API's description says of these routes.
import { confirmation, deletion, emailChange, forgotten, passwordChange, proof, reset } from './account.schemas.js';
import { answer, type ApiRoute } from '../openapi/api-route.js';

export const accountRoutes: readonly ApiRoute[] = [
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
];
