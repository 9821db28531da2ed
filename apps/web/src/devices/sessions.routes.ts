// What the API's description says of these routes.
import { answer, type ApiRoute } from '../openapi/api-route.js';

export const sessionsRoutes: readonly ApiRoute[] = [
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
