// What the README says of express-session's options where it could surprise.
import { expect, it } from '@jest/globals';
import { SessionManager } from '../manager.js';
import { MemorySessionStore } from '../methods/memory/memory-session-store.js';
import { Visitor } from '../testing/visitor.js';

const manager = () => new SessionManager({ store: new MemorySessionStore(), secrets: ['s'.repeat(32)], secure: false });

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

it('ends a session that maxAge outlives, as the site says', async () => {
  await new Visitor().visit(manager(), (session) => {
    session.cart = 1;
    session.cookie.maxAge = 30 * 86_400_000;
    expect(session.cookie.originalMaxAge).toBe(30 * 86_400_000);
    expect(session.cookie.maxAge).toBeLessThanOrEqual(8 * 3_600_000);
  });
});
