// helmet before the session: then the answer that replaces one whose commit failed has its headers, too.
import express, { type Express } from 'express';
import helmet from 'helmet';
import { sessionMiddleware, type SessionManager } from '@roam/session';
import '@roam/session/types';

export function safeHeaders(sessions: SessionManager): Express {
  const app = express();
  app.use(helmet());
  app.use(sessionMiddleware(sessions));
  app.post('/theme', (request, response) => {
    request.session!.theme = 'dark';
    response.cookie('theme', 'dark').json({ theme: 'dark' });
  });
  app.get('/theme', (request, response) => {
    response.json({ theme: request.session!.theme ?? 'light' });
  });
  return app;
}
