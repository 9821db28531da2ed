// Two requests that change different keys both win; of one key the later commit wins.
import { expect } from '@jest/globals';
import type { Kit } from './kit.js';

export function noLostUpdate({ it }: Kit): void {
  it('keeps different keys that two requests change at once (SerayaEryn/fastify-session#237)', async (kit) => {
    const { a, b, events, shopper } = kit;
    const visitor = await shopper();
    const [one, two] = await Promise.all([visitor.begin(a), visitor.begin(b)]);
    one.session!.pear = 1;
    two.session!.plum = 2;
    delete two.session!.cart;
    await Promise.all([visitor.end(a, one), visitor.end(b, two)]);
    const seen = await visitor.see(a);
    if (!a.capabilities.mergesKeys) {
      // One of them may be lost, but what is left is one of them, whole.
      expect([{ pear: 1, plum: 2 }, { cart: { apple: 1 }, pear: 1 }, { plum: 2 }]).toContainEqual(seen);
      return;
    }
    expect(seen).toEqual({ pear: 1, plum: 2 });
    if (a.capabilities.atomicUpdate) expect(events).toContainEqual(expect.objectContaining({ type: 'merged' }));
  });

  it('keeps the keys of twenty requests at once', async ({ a, b, shopper }) => {
    const visitor = await shopper();
    const copies = Array.from({ length: 20 }, () => visitor.copy());
    await Promise.all(copies.map((copy, i) => copy.put(i % 2 ? a : b, { [`item:${i}`]: i })));
    // Each with its own mark: without it a server may show what a cache of its file system still holds.
    for (const [i, copy] of copies.entries()) {
      const seen = await copy.see(a);
      expect(seen).toBeDefined();
      if (a.capabilities.mergesKeys) expect(seen).toMatchObject({ cart: { apple: 1 }, [`item:${i}`]: i });
    }
  });

  it('sees a change deep inside a key', async ({ a, b, shopper }) => {
    const visitor = await shopper();
    await visitor.visit(b, (session) => void ((session.cart as Record<string, number>).apple = 7));
    expect(await visitor.see(a)).toEqual({ cart: { apple: 7 } });
  });

  it('lets the later commit of one key win', async ({ a, b, shopper }) => {
    const visitor = await shopper();
    const [one, two] = await Promise.all([visitor.begin(a), visitor.begin(b)]);
    one.session!.theme = 'first';
    two.session!.theme = 'second';
    await visitor.end(a, one);
    await visitor.end(b, two);
    expect((await visitor.see(a))!.theme).toBe('second');
  });
}
