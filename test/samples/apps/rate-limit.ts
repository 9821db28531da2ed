// express-rate-limit behind the session, so that each user has a limit of their own. A visitor has no lasting session
// yet: count visitors by their address.
import express, { type Express } from 'express';
import { ipKeyGenerator, rateLimit } from 'express-rate-limit';
import { sessionMiddleware, type SessionManager } from '@roam/session';
import '@roam/session/types';

export const LIMIT = 3;

export function limitedRoutes(sessions: SessionManager): Express {
  const app = express();
  // nginx names the client's address.
  app.set('trust proxy', 'loopback');
  app.use(sessionMiddleware(sessions));
  app.post('/user/:name', (request, response) => {
    request.session!.user = request.params.name;
    response.sendStatus(204);
  });
  app.get('/counts', (request, response) => {
    const { orders = 0, refused = 0 } = request.session as { orders?: number; refused?: number };
    response.json({ orders, refused });
  });
  app.use(
    rateLimit({
      windowMs: 60_000,
      limit: LIMIT,
      standardHeaders: 'draft-8',
      legacyHeaders: false,
      keyGenerator: ({ session, ip }) => (session?.user as string | undefined) ?? ipKeyGenerator(ip!),
      handler: (request, response) => {
        request.session!.refused = ((request.session!.refused as number | undefined) ?? 0) + 1;
        response.status(429).json({ error: 'Too many orders. Please try again in a minute.' });
      },
    }),
  );
  app.post('/orders', (request, response) => {
    const session = request.session!;
    session.orders = ((session.orders as number | undefined) ?? 0) + 1;
    response.status(201).json({ orders: session.orders });
  });
  return app;
}
