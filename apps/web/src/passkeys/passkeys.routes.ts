// What the API's description says of these routes.
import { passkeyCreation, passkeyLogin } from './passkeys.schemas.js';
import { answer, type ApiRoute } from '../openapi/api-route.js';

export const passkeysRoutes: readonly ApiRoute[] = [
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
