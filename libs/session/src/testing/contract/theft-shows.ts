// Tokens are renewed in time; one that is used after its grace ends the session and is reported.
import { expect } from '@jest/globals';
import { limits, type Kit } from './kit.js';

export function theftShows({ it }: Kit): void {
  it('renews in time, with a grace for parallel requests (expressjs/session#923)', async (kit) => {
    const { a, b, sealed, shopper, advance } = kit;
    const visitor = await shopper();
    const parallel = visitor.copy();
    advance(limits.renew);
    await visitor.see(a);
    expect(visitor.token).not.toBe(parallel.token);
    expect(await visitor.see(b)).toBeDefined();
    advance(limits.grace);
    const late = parallel.copy();
    expect(await parallel.see(a)).toBeDefined();
    if (!sealed) expect(parallel.token).toBe(late.token);
    expect(await visitor.see(b)).toBeDefined();
  });

  it('reports a token that is used after the grace, and ends the session', async (kit) => {
    const { a, b, events, sealed, shopper, expectDead, advance } = kit;
    const visitor = await shopper();
    const thief = visitor.copy();
    advance(limits.renew);
    await visitor.see(a);
    await visitor.see(b);
    advance(limits.grace + 1);
    if (sealed) {
      // A copy cannot be told from the original. It ends with it.
      expect(await thief.see(b)).toBeDefined();
      await visitor.visit(a, (session) => session.destroy());
      await expectDead(thief);
      return;
    }
    expect(await thief.see(b)).toBeUndefined();
    expect(events).toContainEqual(expect.objectContaining({ type: 'theft' }));
    await expectDead(visitor);
  });

  it('logs nobody out when the answer with the renewed token is lost', async ({ a, b, events, shopper, advance }) => {
    const visitor = await shopper();
    advance(limits.renew);
    await visitor.copy().see(a);
    advance(limits.grace * 2);
    const before = visitor.token;
    expect(await visitor.see(b)).toBeDefined();
    expect(visitor.token).not.toBe(before);
    advance(limits.grace * 2);
    expect(await visitor.see(a)).toBeDefined();
    expect(events.filter(({ type }) => type === 'theft')).toEqual([]);
  });
}
