// What the API's description says of these routes.
import { auditQuery, userChange, userQuery } from './admin.schemas.js';
import { answer, type ApiRoute } from '../openapi/api-route.js';

export const adminRoutes: readonly ApiRoute[] = [
  {
    route: 'GET /api/admin/users',
    does: 'A page of accounts, ordered by address',
    for: 'administrators',
    query: userQuery,
    answers: { 200: 'The accounts, and where the next page begins', 422: answer.wrong },
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
    answers: { 204: 'Done', 403: answer.stale, 422: answer.wrong },
  },
  {
    route: 'DELETE /api/admin/users/{id}/sessions',
    does: 'Ends all sessions of a user',
    for: 'administrators',
    answers: { 204: 'Ended', 403: answer.stale },
  },
  {
    route: 'DELETE /api/admin/users/{id}/sessions/{handle}',
    does: 'Ends one session of a user',
    for: 'administrators',
    answers: { 204: 'Ended', 403: answer.stale },
  },
  {
    route: 'DELETE /api/admin/users/{id}/wrong-codes',
    does: 'Accepts codes of the authenticator app of a user again, after too many wrong ones',
    for: 'administrators',
    answers: { 204: 'Codes are accepted', 403: answer.stale },
  },
  {
    route: 'GET /api/admin/audit',
    does: 'A page of the audit log, newest first',
    for: 'administrators',
    query: auditQuery,
    answers: { 200: 'The events, and where the next page begins', 422: answer.wrong },
  },
];
