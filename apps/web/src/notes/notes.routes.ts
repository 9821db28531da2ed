// What the API's description says of these routes.
import { newNote, noteChange, noteQuery } from './notes.schemas.js';
import { answer, type ApiRoute } from '../openapi/api-route.js';

const absent = 'The note does not exist, or belongs to somebody else';

export const notesRoutes: readonly ApiRoute[] = [
  {
    route: 'GET /api/notes',
    does: 'Lists the notes of the user, the newest first, 20 at a time',
    for: 'signed-in users',
    query: noteQuery,
    answers: { 200: 'The notes, and what to send as `after` for the next ones', 422: answer.wrong },
  },
  {
    route: 'POST /api/notes',
    does: 'Adds a note',
    for: 'signed-in users',
    body: newNote,
    answers: { 201: 'The note', 409: 'The user has too many notes', 422: answer.wrong },
  },
  {
    route: 'GET /api/notes/{id}',
    does: 'One note',
    for: 'signed-in users',
    answers: { 200: 'The note', 404: absent },
  },
  {
    route: 'PATCH /api/notes/{id}',
    does: 'Changes title, body or both',
    for: 'signed-in users',
    body: noteChange,
    answers: { 200: 'The note', 404: absent, 422: answer.wrong },
  },
  {
    route: 'DELETE /api/notes/{id}',
    does: 'Deletes a note and its picture',
    for: 'signed-in users',
    answers: { 204: 'Deleted', 404: absent },
  },
  {
    route: 'GET /api/notes/{id}/picture',
    does: 'The picture of a note',
    for: 'signed-in users',
    answers: { 200: 'The picture', 304: 'It is the one that the browser has', 404: 'There is none' },
  },
  {
    route: 'PUT /api/notes/{id}/picture',
    does: 'Sets the picture of a note: PNG, JPEG, WebP or GIF, at most 5 MB, as the body or as the field `picture` of a form',
    for: 'signed-in users',
    answers: { 204: 'Set', 404: absent, 413: 'More than 5 MB', 422: 'Not a picture' },
  },
];
