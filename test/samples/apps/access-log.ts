// morgan before the session: the log has what the client got, also where a failed commit has replaced the answer.
import express, { type Express } from 'express';
import morgan from 'morgan';
import { sessionMiddleware, type SessionManager } from '@roam/session';
import '@roam/session/types';

export function accessLog(sessions: SessionManager, write: (line: string) => void): Express {
  const app = express();
  app.use(morgan(':method :url :status :res[content-length]', { stream: { write } }));
  app.use(sessionMiddleware(sessions));
  app.post('/notes', (request, response) => {
    const session = request.session!;
    session.notes = ((session.notes as number | undefined) ?? 0) + 1;
    response.status(201).json({ notes: session.notes });
  });
  app.get('/notes', (request, response) => {
    response.json({ notes: request.session!.notes ?? 0 });
  });
  return app;
}
