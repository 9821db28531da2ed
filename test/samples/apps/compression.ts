// compression beside the session. Either may come first: the commit waits for the first compressed byte.
import compression from 'compression';
import express, { type Express } from 'express';
import { setTimeout as sleep } from 'node:timers/promises';
import { sessionMiddleware, type SessionManager } from '@roam/session';
import '@roam/session/types';

export const page = (visits: number) => `<p>Visit ${visits}.</p>${'<p>A long page.</p>'.repeat(3_000)}`;

/** @param more what `/feed` waits for between its two pieces */
export function compressedPages(sessions: SessionManager, order: 'first' | 'last', more = () => sleep(1_000)): Express {
  const app = express();
  const both = [compression(), sessionMiddleware(sessions)];
  app.use(order === 'first' ? both : both.reverse());

  app.get('/page', (request, response) => {
    const session = request.session!;
    session.visits = ((session.visits as number | undefined) ?? 0) + 1;
    response.type('html').send(page(session.visits as number));
  });

  // Compressed piece by piece. The session can be changed until the first piece is written.
  app.get('/feed', async (request, response) => {
    response.type('text').set('X-Accel-Buffering', 'no');
    request.session!.feeds = ((request.session!.feeds as number | undefined) ?? 0) + 1;
    response.write('first piece\n');
    response.flush();
    await more();
    response.end('second piece\n');
  });

  // What a session cannot hold: the answer is an error, though the page is already on its way to the compressor.
  app.get('/wrong', (request, response) => {
    request.session!.since = new Date();
    response.type('html').send(page(0));
  });

  app.get('/visits', (request, response) => {
    const { visits = 0, feeds = 0 } = request.session as { visits?: number; feeds?: number };
    response.json({ visits, feeds });
  });
  return app;
}
