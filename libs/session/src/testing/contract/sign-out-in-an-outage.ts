// While the store cannot answer, a session that has ended is not shown, and a sign-out is taken and done afterwards.
import { expect } from '@jest/globals';
import { StoreUnavailableError } from '../../core/errors.js';
import { hasEpochs } from '../../port/abilities.js';
import { canShow, cuttable, signedIn, until } from './cuttable.js';
import type { Kit } from './kit.js';

export function signOutInAnOutage({ it }: Kit): void {
  it('read-only: shows no session that this server has seen end, nor one of a user whose sessions it has ended', async (kit) => {
    const { way, web, visitor, userId } = await cuttable(kit, 'read-only');
    const copy = visitor.copy();
    await visitor.visit(web, (session) => session.destroy());
    expect([visitor.token, visitor.standby]).toEqual([undefined, undefined]);
    const second = await signedIn(kit, web);
    const copyOfSecond = second.visitor.copy();
    if (hasEpochs(kit.store)) await web.users.endAll(second.userId);
    // One that another server ended, and that this one has been asked for since.
    const third = await signedIn(kit, web);
    await third.visitor.copy().visit(kit.server(kit.store, {}), (session) => session.destroy());
    expect(await third.visitor.see(web)).toBeUndefined();
    way.isCut = true;
    await expect(copy.see(web)).rejects.toThrow(StoreUnavailableError);
    await expect(third.visitor.see(web)).rejects.toThrow(StoreUnavailableError);
    if (hasEpochs(kit.store)) await expect(copyOfSecond.see(web)).rejects.toThrow(StoreUnavailableError);
    expect(userId).not.toBe(second.userId);
  });

  it('read-only: takes a logout, refuses the session from then on, and ends it everywhere when the store is back', async (kit) => {
    if (!canShow(kit.store)) return;
    const { way, web, visitor } = await cuttable(kit, 'read-only');
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
    await kit.expectDead(copy);
  });
}
