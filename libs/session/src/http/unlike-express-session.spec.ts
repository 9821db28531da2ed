// What the README says of express-session's options where it could surprise.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it } from '@jest/globals';
import { SessionManager } from '../manager.js';
import { MemorySessionStore } from '../methods/memory/memory-session-store.js';
import { Visitor } from '../testing/visitor.js';
import { sessionMiddleware, type SessionRequest } from './middleware.js';

const manager = () => new SessionManager({ store: new MemorySessionStore(), secrets: ['s'.repeat(32)], secure: false });

it('commits what was changed before request.session was set to null (unset)', async () => {
  const middleware = sessionMiddleware(manager());
  const seen: unknown[] = [];
  const server = createServer((request: SessionRequest, response) =>
    middleware(request, response, () => {
      seen.push({ ...request.session });
      request.session!.cart = 1;
      Object.assign(request, { session: null });
      seen.push(request.session);
      response.end();
    }),
  );
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const cookies = (await fetch(url)).headers.getSetCookie().map((line) => line.split(';')[0]);
  await fetch(url, { headers: { cookie: cookies.join('; ') } });
  expect(seen).toEqual([{}, null, { cart: 1 }, null]);
  server.closeAllConnections();
  await new Promise((closed) => server.close(closed));
});

it('takes any maxAge and expires as "keep me signed in", and null or false as its end', async () => {
  const server = manager();
  await new Visitor().visit(server, ({ cookie }) => {
    expect([cookie.maxAge, cookie.originalMaxAge, cookie.expires]).toEqual([null, null, null]);
    cookie.maxAge = 1;
    expect(cookie.maxAge).toBeGreaterThan(29 * 86_400_000);
    cookie.expires = false;
    expect(cookie.maxAge).toBeNull();
    cookie.expires = new Date(0);
    expect(cookie.originalMaxAge).toBeGreaterThan(29 * 86_400_000);
    cookie.maxAge = null;
    expect(cookie.expires).toBeNull();
  });
});

it('keeps the object of the session at a reload', async () => {
  const server = manager();
  const visitor = new Visitor();
  await visitor.put(server, { cart: 1 });
  await visitor.visit(server, async (session, request) => {
    session.cart = 2;
    await session.reload();
    expect(request.session).toBe(session);
    expect(session).toMatchObject({ cart: 1 });
  });
});
