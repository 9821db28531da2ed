// A Server-Timing header, set by on-headers when the head is written: in the same answer as the session's cookies.
import express, { type Express } from 'express';
import onHeaders from 'on-headers';
import { sessionMiddleware, type SessionManager } from '@roam/session';
import '@roam/session/types';

export function serverTiming(sessions: SessionManager): Express {
  const app = express();
  app.use((request, response, next) => {
    const begun = performance.now();
    onHeaders(response, () => {
      // The session is committed after this: a change made here is kept.
      if (request.session?.answers !== undefined) request.session.lastStatus = response.statusCode;
      response.setHeader('Server-Timing', `app;dur=${(performance.now() - begun).toFixed(1)}`);
    });
    next();
  });
  app.use(sessionMiddleware(sessions));
  app.post('/answers', (request, response) => {
    const session = request.session!;
    session.answers = ((session.answers as number | undefined) ?? 0) + 1;
    response.status(201).json({ answers: session.answers });
  });
  app.get('/answers', (request, response) => {
    const { answers = 0, lastStatus } = request.session as { answers?: number; lastStatus?: number };
    response.json({ answers, lastStatus });
  });
  return app;
}
