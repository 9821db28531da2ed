// http-proxy-middleware beside the session. Put it before the session if the app behind it has the same sessions, and
// behind the session if the proxy itself uses them.
import express, { type Express } from 'express';
import { createProxyMiddleware, responseInterceptor } from 'http-proxy-middleware';
import { sessionMiddleware, type SessionManager } from '@roam/session';
import '@roam/session/types';

/** @param shop the address of the app behind the proxy */
export function frontApp(sessions: SessionManager, shop: string): Express {
  const app = express();
  const named = responseInterceptor(async (body) => body.toString().replaceAll('€', 'EUR'));
  // The browser's cookies go to the shop, and those that the shop sets come back.
  app.use(
    '/shop',
    createProxyMiddleware({
      target: shop,
      selfHandleResponse: true,
      on: { proxyRes: (answer, request, response) => void named(answer, request, response) },
    }),
  );

  app.use(sessionMiddleware(sessions));
  // The proxy changes the session and tells the shop whose it is. This works with every method where the shop leaves
  // the session alone, and otherwise where the method keeps both of two changes (`capabilities.mergesKeys`).
  app.use(
    '/watched',
    (request, _, next) => {
      request.session!.watched = ((request.session!.watched as number | undefined) ?? 0) + 1;
      next();
    },
    createProxyMiddleware<express.Request>({
      target: shop,
      on: { proxyReq: (proxied, { session }) => proxied.setHeader('X-Watched', String(session!.watched)) },
    }),
  );
  app.get('/session', (request, response) => {
    const { items = [], watched = 0 } = request.session as { items?: string[]; watched?: number };
    response.json({ items, watched });
  });
  return app;
}

/** The app behind the proxy, on the same sessions. */
export function shopApp(sessions: SessionManager): Express {
  const app = express();
  app.get('/prices', (request, response) => {
    response.json({ apple: '1 €', watched: request.get('X-Watched') });
  });
  app.use(sessionMiddleware(sessions));
  app.use(express.json());
  app.post('/items', (request, response) => {
    const session = request.session!;
    const { item } = request.body as { item: string };
    session.items = [...((session.items as string[] | undefined) ?? []), item];
    response.status(201).json({ items: session.items, price: '1 €' });
  });
  return app;
}
