// The invariants of sessions while their store cannot answer, for both outage policies and on any store.
import { expect } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { SessionOutageError, StoreUnavailableError } from '../core/errors.js';
import type { SessionManager } from '../manager.js';
import type { SessionOptions } from '../core/options.js';
import type { Session } from '../core/session.js';
import { hasEpochs, isSealed, knowsEnds, type AnySessionStore } from '../port/store.js';
import { newId } from '../core/token.js';
import type { TestRunner } from './runner.js';
import { Visitor } from './visitor.js';

const MINUTE = 60_000;
const CALLS = new Set<PropertyKey>([
  ...['find', 'admit', 'create', 'update', 'touch', 'destroy'],
  ...['listByUser', 'epochOf', 'raiseEpoch'],
]);

/** What the contract kit lends. */
export interface OutageKit {
  readonly stores: () => readonly AnySessionStore[];
  readonly server: (store: AnySessionStore, options: Partial<SessionOptions>) => SessionManager;
  /** Milliseconds since 1970, of all servers. */
  readonly moveClock: (by: number) => void;
  readonly isDead: (visitor: Visitor) => Promise<void>;
}

export function describeOutages(it: TestRunner['it'], { stores, server, moveClock, isDead }: OutageKit): void {
  /** A server of its own, whose way to the store can be cut. */
  const cuttable = (outage: SessionOptions['outage'], store = stores()[0]) => {
    const way = { isCut: false, calls: 0 };
    const cut = new Proxy(store, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name, target);
        if (typeof value !== 'function') return value;
        return (...args: unknown[]): unknown => {
          if (CALLS.has(name)) way.calls++;
          if (CALLS.has(name) && way.isCut) return Promise.reject(new StoreUnavailableError('cut'));
          return Reflect.apply(value, target, args);
        };
      },
    });
    return { way, web: server(cut, { outage }) };
  };
  /** A store whose sessions are in the token and that has to ask somebody else what has ended shows nothing. */
  const canShow = () => !isSealed(stores()[0]) || knowsEnds(stores()[0]);
  const signedIn = async (web: SessionManager) => {
    const visitor = new Visitor();
    const userId = `user-${newId(Date.now())}`;
    await visitor.logIn(web, userId);
    await visitor.visit(web, (session) => void (session.cart = { apple: 1 }));
    return { visitor, userId };
  };

  it('deny: throws while the store cannot answer, and logs nobody out', async () => {
    const { way, web } = cuttable('deny');
    const { visitor } = await signedIn(web);
    expect(visitor.standby).toBeUndefined();
    way.isCut = true;
    for (let i = 0; i < 5; i++) await expect(visitor.see(web)).rejects.toThrow(StoreUnavailableError);
    way.isCut = false;
    expect(await visitor.see(web)).toMatchObject({ cart: { apple: 1 } });
  });

  it('read-only: shows what the browser has seen last, to be read only, and goes on where it was', async () => {
    if (!canShow()) return;
    const { way, web } = cuttable('read-only');
    const { visitor } = await signedIn(web);
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
    await visitor.visit(web, (session) => void (session.cart = { apple: 3 }));
    expect(await visitor.see(web)).toMatchObject({ cart: { apple: 3 } });
  });

  it('read-only: asks a store that does not answer only now and then', async () => {
    if (!canShow()) return;
    const { way, web } = cuttable('read-only');
    const { visitor } = await signedIn(web);
    way.isCut = true;
    way.calls = 0;
    const begin = performance.now();
    for (let i = 0; i < 100; i++) await visitor.see(web);
    expect(way.calls).toBeLessThanOrEqual(4 + (performance.now() - begin) / 150);
    expect(web.isStoreDown).toBe(true);
  });

  it('read-only: shows nothing after five minutes, beyond a limit, or with the copy of another session', async () => {
    if (!canShow()) return;
    const { way, web } = cuttable('read-only');
    const [{ visitor }, { visitor: other }] = [await signedIn(web), await signedIn(web)];
    way.isCut = true;
    if (!isSealed(stores()[0])) {
      for (const standby of [other.standby, undefined, '', `${visitor.standby}A`, visitor.standby!.slice(1)]) {
        const mixed = Object.assign(visitor.copy(), { standby });
        await expect(mixed.see(web)).rejects.toThrow(StoreUnavailableError);
      }
      const older = Object.assign(visitor.copy(), { mark: undefined });
      expect(await older.see(web)).toBeDefined();
      older.token = undefined;
      expect(await older.see(web)).toBeUndefined();
    }
    moveClock(4.9 * MINUTE);
    expect(await visitor.see(web)).toBeDefined();
    moveClock(0.2 * MINUTE);
    await expect(visitor.see(web)).rejects.toThrow(StoreUnavailableError);
  });

  it('read-only: shows no session that this server has seen end, nor one of a user whose sessions it has ended', async () => {
    const { way, web } = cuttable('read-only');
    const { visitor, userId } = await signedIn(web);
    const copy = visitor.copy();
    await visitor.visit(web, (session) => session.destroy());
    expect([visitor.token, visitor.standby]).toEqual([undefined, undefined]);
    const second = await signedIn(web);
    const copyOfSecond = second.visitor.copy();
    if (hasEpochs(stores()[0])) await web.endAll(second.userId);
    // One that another server ended, and that this one has been asked for since.
    const third = await signedIn(web);
    await third.visitor.copy().visit(server(stores()[0], {}), (session) => session.destroy());
    expect(await third.visitor.see(web)).toBeUndefined();
    way.isCut = true;
    await expect(copy.see(web)).rejects.toThrow(StoreUnavailableError);
    await expect(third.visitor.see(web)).rejects.toThrow(StoreUnavailableError);
    if (hasEpochs(stores()[0])) await expect(copyOfSecond.see(web)).rejects.toThrow(StoreUnavailableError);
    expect(userId).not.toBe(second.userId);
  });

  it('read-only: takes a logout, refuses the session from then on, and ends it everywhere when the store is back', async () => {
    if (!canShow()) return;
    const { way, web } = cuttable('read-only');
    const { visitor } = await signedIn(web);
    const copy = visitor.copy();
    way.isCut = true;
    const request = await visitor.begin(web);
    const session = request.session!;
    await session.destroy();
    expect(session.info.endIsPending).toBe(true);
    await visitor.end(web, request);
    expect([visitor.token, visitor.mark, visitor.standby]).toEqual([undefined, undefined, undefined]);
    expect(await copy.see(web)).toBeUndefined();
    way.isCut = false;
    // Also in the moment before the store knows.
    expect(await copy.see(web)).toBeUndefined();
    await until(() => web.settled().then(() => !web.isStoreDown));
    await web.settled();
    await isDead(copy);
  });

  it('read-only: gives a copy out once a minute, not with every answer', async () => {
    if (isSealed(stores()[0])) return;
    const { web } = cuttable('read-only');
    const { visitor } = await signedIn(web);
    const first = visitor.standby;
    for (let i = 0; i < 5; i++) await visitor.see(web);
    expect(visitor.standby).toBe(first);
    moveClock(MINUTE);
    await visitor.see(web);
    expect(visitor.standby).not.toBe(first);
  });
}

async function until(isTrue: () => Promise<boolean>): Promise<void> {
  for (let i = 0; !(await isTrue()); i++) {
    if (i > 200) throw new Error('Timed out after 10 s waiting for the server to use the store again.');
    await sleep(50);
  }
}
