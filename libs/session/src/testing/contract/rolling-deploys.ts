// Servers of two releases share sessions: old content is lifted, newer content is left as it is.
import { expect } from '@jest/globals';
import type { Kit } from './kit.js';

export function rollingDeploys({ it }: Kit): void {
  it('lifts old content to the new shape, and leaves newer content as it is', async ({ b, store, server, shopper }) => {
    const visitor = await shopper();
    const upgraded = server(store, {
      upcasters: [({ cart, ...rest }) => ({ ...rest, basket: cart! })],
    });
    expect(await visitor.see(upgraded)).toEqual({ basket: { apple: 1 } });
    expect(await visitor.see(b)).toEqual({ cart: { apple: 1 } });
    await visitor.put(upgraded, { coupon: 'TEN' });
    // A server that is not upgraded yet keeps what it does not know, and the version it was written with.
    await visitor.put(b, { seen: true });
    expect(await visitor.see(upgraded)).toEqual({ basket: { apple: 1 }, coupon: 'TEN', seen: true });
  });
}
