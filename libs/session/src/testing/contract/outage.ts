// While the store cannot answer, a server throws or shows what the browser has seen last, and logs nobody out.
import { expect } from '@jest/globals';
import { SessionOutageError, StoreUnavailableError } from '../../core/errors.js';
import type { Session } from '../../core/session.js';
import { isSealed } from '../../carriers/sealed.js';
import { canShow, cuttable, signedIn, until } from './cuttable.js';
import { MINUTE, type Kit } from './kit.js';

export function outage(kit: Kit): void {
  whatIsShown(kit);
  howLongItIsShown(kit);
}

function whatIsShown({ it }: Kit): void {
  it('deny: throws while the store cannot answer, and logs nobody out', async (kit) => {
    const { way, web, visitor } = await cuttable(kit, 'deny');
    expect(visitor.standby).toBeUndefined();
    way.isCut = true;
    for (let i = 0; i < 5; i++) await expect(visitor.see(web)).rejects.toThrow(StoreUnavailableError);
    way.isCut = false;
    expect(await visitor.see(web)).toMatchObject({ cart: { apple: 1 } });
  });

  it('read-only: shows what the browser has seen last, to be read only, and goes on where it was', async (kit) => {
    if (!canShow(kit.store)) return;
    const { way, web, visitor } = await cuttable(kit, 'read-only');
    way.isCut = true;
    for (let i = 0; i < 5; i++) expect(await visitor.see(web)).toMatchObject({ cart: { apple: 1 } });
    const { info } = (await visitor.begin(web)).session!;
    expect(Math.abs(info.asOf! - info.createdAt)).toBeLessThan(MINUTE);

    const changes: ((session: Session) => unknown)[] = [
      (session) => (session.cart = { apple: 2 }),
      (session) => delete session.cart,
      (session) => session.save().then(() => (session.more = 1)),
      (session) => session.regenerate(),
      (session) => session.reload(),
      (session) => session.update('cart', () => ({})),
      (session) => session.bind({ userId: 'somebody else', epoch: 0 }),
    ];
    for (const change of changes)
      await expect(visitor.visit(web, async (session) => void (await change(session)))).rejects.toThrow(
        SessionOutageError,
      );
    way.isCut = false;
    await until(async () => (await visitor.begin(web)).session!.info.asOf === undefined);
    expect(await visitor.see(web)).toMatchObject({ cart: { apple: 1 } });
    await visitor.put(web, { cart: { apple: 3 } });
    expect(await visitor.see(web)).toMatchObject({ cart: { apple: 3 } });
  });

  it('read-only: asks a store that does not answer only now and then', async (kit) => {
    if (!canShow(kit.store)) return;
    const { way, web, visitor } = await cuttable(kit, 'read-only');
    way.isCut = true;
    kit.calls.length = 0;
    const begin = performance.now();
    for (let i = 0; i < 100; i++) await visitor.see(web);
    expect(kit.calls.length).toBeLessThanOrEqual(4 + (performance.now() - begin) / 150);
    // For a moment after each pause, until a request has looked, the server does not count the store as down.
    await until(() => visitor.see(web).then(() => web.isStoreDown));
  });
}

function howLongItIsShown({ it }: Kit): void {
  it('read-only: shows nothing after five minutes, beyond a limit, or with the copy of another session', async (kit) => {
    if (!canShow(kit.store)) return;
    const { way, web, visitor } = await cuttable(kit, 'read-only');
    const { visitor: other } = await signedIn(kit, web);
    way.isCut = true;
    if (!isSealed(kit.store)) {
      for (const standby of [other.standby, undefined, '', `${visitor.standby}A`, visitor.standby!.slice(1)]) {
        const mixed = Object.assign(visitor.copy(), { standby });
        await expect(mixed.see(web)).rejects.toThrow(StoreUnavailableError);
      }
      const older = Object.assign(visitor.copy(), { mark: undefined });
      expect(await older.see(web)).toBeDefined();
      older.token = undefined;
      expect(await older.see(web)).toBeUndefined();
    }
    kit.advance(4.9 * MINUTE);
    expect(await visitor.see(web)).toBeDefined();
    kit.advance(0.2 * MINUTE);
    await expect(visitor.see(web)).rejects.toThrow(StoreUnavailableError);
  });

  it('read-only: gives a copy out once a minute, not with every answer', async (kit) => {
    if (isSealed(kit.store)) return;
    const { web, visitor } = await cuttable(kit, 'read-only');
    const first = visitor.standby;
    for (let i = 0; i < 5; i++) await visitor.see(web);
    expect(visitor.standby).toBe(first);
    kit.advance(MINUTE);
    await visitor.see(web);
    expect(visitor.standby).not.toBe(first);
  });
}
