// The description of the description's route.
import type { ApiRoute } from './api-route.js';

export const openapiRoutes: readonly ApiRoute[] = [
  {
    route: 'GET /api/openapi.json',
    does: 'This description',
    for: 'administrators',
    answers: { 200: 'OpenAPI 3.1' },
  },
];
