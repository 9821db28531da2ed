// An atomic update, a write whose answer was lost and a repeated request each count exactly once.
import { expect } from '@jest/globals';
import type { SessionManager } from '../../manager.js';
import type { Visitor } from '../visitor.js';
import type { Kit } from './kit.js';

export function countsOnce({ it }: Kit): void {
  it('counts every atomic update', async ({ a, b, shopper }) => {
    const visitor = await shopper();
    if (!a.capabilities.atomicUpdate) {
      await expect(visitor.visit(a, (session) => session.update('n', () => 1))).rejects.toThrow('atomic');
      return;
    }
    const increment = (i: number) =>
      visitor.copy().visit(i % 2 ? a : b, (session) => session.update<number>('count', (n = 0) => n + 1));
    const results = await Promise.all(Array.from({ length: 12 }, (_, i) => increment(i)));
    expect(results.toSorted((x, y) => x - y)).toEqual(Array.from({ length: 12 }, (_, i) => i + 1));
    expect((await visitor.see(b))!.count).toBe(12);
  });

  it('counts a write once whose answer was lost', async ({ a, b, events, store, serverWith, shopper }) => {
    if (!a.capabilities.atomicUpdate) return;
    const visitor = await shopper();
    // The cluster repeats a statement when its answer is lost: the second try meets the first.
    const stubborn = serverWith({
      update: async (record, base) => {
        await store.update(record, base);
        return store.update(record, base);
      },
    });
    const count = await visitor.visit(stubborn, (session) => session.update<number>('count', (n = 0) => n + 1));
    expect(count).toBe(1);
    expect((await visitor.see(b))!.count).toBe(1);
    expect(events.filter(({ type }) => type === 'merged')).toEqual([]);
  });

  it('counts a request once that a proxy repeated on another server', async ({ a, b, shopper }) => {
    const visitor = await shopper();
    const copy = visitor.copy();
    const act = (who: Visitor, where: SessionManager) =>
      who.visit(where, (session) => void (session.count = Number(session.count ?? 0) + 1), 'request-1');
    await act(visitor, a);
    await act(copy, b);
    expect((await visitor.see(a))!.count).toBe(1);
  });
}
