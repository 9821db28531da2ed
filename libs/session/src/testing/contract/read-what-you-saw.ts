// A request never sees an older session than the newest response whose cookies the browser has stored.
import { expect } from '@jest/globals';
import type { SessionManager } from '../../manager.js';
import type { AnySessions } from '../../carriers/carrier.js';
import type { SessionStore } from '../../port/store.js';
import type { Kit } from './kit.js';

export function readWhatYouSaw({ it }: Kit): void {
  it('never shows an older session than the mark says (fleetdm/fleet#4469, laravel/framework#54231)', async (kit) => {
    const { a, b, sealed, store, shopper } = kit;
    const visitor = await shopper();
    const old = visitor.copy();
    await visitor.put(b, { cart: { apple: 2 } });
    if (sealed) {
      // The browser holds the session itself.
      expect(await visitor.see(a)).toEqual({ cart: { apple: 2 } });
      expect(visitor.token).not.toBe(old.token);
      expect(visitor.mark).toBeUndefined();
      return;
    }
    expect(visitor.mark).not.toBe(old.mark);
    expect(visitor.token).toBe(old.token);
    const { spying, atLeast } = spyOnMarks(kit, store);
    expect(await visitor.see(spying)).toEqual({ cart: { apple: 2 } });
    expect(atLeast).toEqual([visitor.mark!.split('.')[0]]);
  });

  it("ignores a mark that is forged, or another session's", async (kit) => {
    const { a, sealed, stores, shopper } = kit;
    const [visitor, other] = [await shopper(), await shopper()];
    if (sealed) {
      expect((await visitor.with({ mark: '999.AAAAAAAAAAAAAAAA' }).begin(a)).isStored).toBe(true);
      return;
    }
    await other.put(a, { pear: 1 });
    const { spying, atLeast } = spyOnMarks(kit, stores[1]);
    for (const mark of [`999.${visitor.mark!.split('.')[1]}`, other.mark, '2', '2.', 'x', undefined]) {
      expect((await visitor.with({ mark }).begin(spying)).isStored).toBe(true);
    }
    expect(atLeast).toEqual(Array(6).fill(undefined));
  });
}

/** A server on this store, and the marks that it has asked the store for. */
function spyOnMarks({ serverWith }: Kit, store: AnySessions): { spying: SessionManager; atLeast: unknown[] } {
  const atLeast: unknown[] = [];
  const find: SessionStore['find'] = (id, mark) => {
    atLeast.push(mark);
    return (store as SessionStore).find(id, mark);
  };
  return { spying: serverWith({ find }, { store }), atLeast };
}
