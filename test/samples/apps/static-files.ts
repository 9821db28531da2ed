// serve-static and sendFile. Public files come before the session: they cost no read and may be cached by everybody.
import express, { type Express } from 'express';
import { join } from 'node:path';
import serveStatic from 'serve-static';
import { sessionMiddleware, type SessionManager } from '@roam/session';
import '@roam/session/types';

/** @param dir has the folders `public` and `members` */
export function staticFiles(sessions: SessionManager, dir: string): Express {
  const app = express();
  app.use(serveStatic(join(dir, 'public'), { maxAge: '1h' }));

  app.use(sessionMiddleware(sessions));
  app.get('/downloads', (request, response) => {
    response.json({ downloads: request.session!.downloads ?? 0 });
  });
  app.use((request, _, next) => {
    const session = request.session!;
    session.downloads = ((session.downloads as number | undefined) ?? 0) + 1;
    next();
  });

  // Files behind the session: its change is committed with each answer, also with 206, 304 and 416.
  app.use('/members', serveStatic(join(dir, 'members'), { maxAge: '1h' }));
  app.get('/file/:name', (request, response) => {
    response.sendFile(request.params.name, { root: join(dir, 'members') });
  });
  return app;
}
