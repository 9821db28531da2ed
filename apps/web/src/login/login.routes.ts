// What the API's description says of these routes.
import { credentials, registration } from '../users/user.schemas.js';
import { answer, type ApiRoute } from '../openapi/api-route.js';

export const loginRoutes: readonly ApiRoute[] = [
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
];
