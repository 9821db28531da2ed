// A session is the same on every server, costs a visitor without one nothing, and is read once per request.
import { expect } from '@jest/globals';
import type { Kit } from './kit.js';

export function movingBetweenServers({ it }: Kit): void {
  it('knows at the next request on any server what one has stored', async ({ a, b, shopper }) => {
    const visitor = await shopper();
    for (let hop = 1; hop <= 20; hop++) {
      const here = hop % 2 ? b : a;
      await visitor.visit(here, (session) => {
        expect(session.hops ?? 0).toBe(hop - 1);
        session.hops = hop;
      });
    }
    expect(await visitor.see(a)).toEqual({ cart: { apple: 1 }, hops: 20 });
  });

  it('gives a visitor no session and no cookie until something is put into it', async ({ a, calls, newVisitor }) => {
    const visitor = newVisitor();
    expect(await visitor.see(a)).toBeUndefined();
    expect(visitor).toEqual(newVisitor());
    expect(calls).toEqual([]);
  });

  it('reads once and writes nothing for a request that changes nothing between two touches', async (kit) => {
    const { a, b, calls, read, shopper } = kit;
    const visitor = await shopper();
    calls.length = 0;
    for (let i = 0; i < 5; i++) await visitor.see(i % 2 ? a : b);
    expect(calls).toEqual(Array(5).fill(read));
  });
}
