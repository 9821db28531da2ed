// connect-flash behind the session: a message waits in the session until a page has shown it, on whichever server.
import flash from 'connect-flash';
import express, { type Express } from 'express';
import { sessionMiddleware, type SessionManager } from '@roam/session';
import '@roam/session/types';

export function flashMessages(sessions: SessionManager): Express {
  const app = express();
  app.use(sessionMiddleware(sessions));
  app.use(flash());
  app.post('/profile', (request, response) => {
    // With a format: of two arguments, connect-flash 0.1.1 fails on Node 23 and later.
    request.flash('notice', '%s', 'Your profile is saved.');
    // No `session.save()` before the redirect: the response waits for the commit.
    response.redirect(303, '/profile');
  });
  app.get('/profile', (request, response) => {
    response.json(request.flash('notice'));
  });
  return app;
}
