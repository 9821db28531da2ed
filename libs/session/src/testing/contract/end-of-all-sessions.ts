// The end of all sessions of a user, but one if wanted, beats slow requests, faults and a sign-in that races with it.
import { expect } from '@jest/globals';
import { hasEpochs, isSessionIndex, liftsSessions } from '../../port/abilities.js';
import type { Visitor } from '../visitor.js';
import { down, newUser, type Kit } from './kit.js';

export function endOfAllSessions(kit: Kit): void {
  oneEnd(kit);
  severalAtOnce(kit);
}

function oneEnd({ it }: Kit): void {
  it('are all ended but one, on every server', async (kit) => {
    const { a, b, store, expectDead } = kit;
    if (!hasEpochs(store)) return expect(a.users.endAll('user')).rejects.toThrow('cannot end');
    const { userId, phone, laptop } = await twoDevices(kit);
    await laptop.visit(a, (session) => a.users.endAll(userId, session));
    await expectDead(phone);
    for (const here of [a, b]) expect(await laptop.see(here)).toBeDefined();
    if (isSessionIndex(store)) expect(await b.users.list(userId)).toHaveLength(1);
    await b.users.endAll(userId);
    await expectDead(laptop);
  });

  it('are not ended by one that was ended while its request ran, nor does it come back by that', async (kit) => {
    const { a, b, store, expectDead } = kit;
    if (!hasEpochs(store)) return;
    const { userId, phone, laptop } = await twoDevices(kit);
    const late = await laptop.begin(b);
    await phone.visit(a, (session) => a.users.endAll(userId, session));
    // Where servers hear of it within a while.
    await expectDead(laptop.copy());
    await expect(b.users.endAll(userId, late.session)).rejects.toMatchObject({ code: 'session_ended' });
    await expectDead(laptop);
    expect(await phone.see(b)).toBeDefined();
  });

  it('are all left, and the one that asked too, when a fault comes in between; none outlives the next end', async (kit) => {
    const { b, store, serverWith, expectDead } = kit;
    if (!hasEpochs(store)) return;
    const cut = serverWith({ raiseEpoch: down, ...(liftsSessions(store) && { updateAbove: down }) });
    for (const leavesOne of [true, false]) {
      const { userId, phone, laptop } = await twoDevices(kit);
      // The handler answers all the same, and what it has changed is committed.
      await laptop.visit(cut, async (session) => {
        await expect(cut.users.endAll(userId, session)).rejects.toThrow('on purpose');
        session.note = 'after the fault';
      });
      for (const visitor of [phone, laptop]) expect(await visitor.see(b)).toBeDefined();
      if (leavesOne) await phone.visit(b, (session) => b.users.endAll(userId, session));
      else await b.users.endAll(userId);
      await expectDead(laptop);
    }
  });
}

function severalAtOnce({ it }: Kit): void {
  it('are ended but one by a click that was made twice', async ({ a, b, sealed, store, newVisitor }) => {
    if (!hasEpochs(store) || sealed) return;
    const userId = newUser();
    const laptop = newVisitor();
    await laptop.logIn(a, userId);
    const clicks = [await laptop.begin(a), await laptop.begin(b)];
    await a.users.endAll(userId, clicks[0].session);
    await b.users.endAll(userId, clicks[1].session);
    expect(await laptop.see(a)).toBeDefined();
  });

  it('are ended but one by two clicks at the same moment, and by two devices all but one of them', async (kit) => {
    const { a, b, all, store, expectDead } = kit;
    if (!hasEpochs(store) || !store.capabilities.atomicUpdate) return;
    const userId = newUser();
    const [phone, laptop, third] = [kit.newVisitor(), kit.newVisitor(), kit.newVisitor()];
    for (const visitor of [phone, laptop, third]) await visitor.logIn(a, userId);
    const clicks = [await laptop.begin(a), await laptop.begin(b)];
    await Promise.all([a.users.endAll(userId, clicks[0].session), b.users.endAll(userId, clicks[1].session)]);
    for (const here of all) expect(await laptop.see(here)).toBeDefined();
    for (const visitor of [phone, third]) await expectDead(visitor);

    await phone.logIn(a, userId);
    const devices = [await laptop.begin(a), await phone.begin(b)];
    const ends = await Promise.allSettled([
      a.users.endAll(userId, devices[0].session),
      b.users.endAll(userId, devices[1].session),
    ]);
    expect(ends.filter(({ status }) => status === 'fulfilled')).not.toHaveLength(0);
    const left = [await laptop.see(a), await phone.see(a)].filter((seen) => seen !== undefined);
    expect(left).toHaveLength(1);
  });

  it('end also when a login races with the end of all (better-auth#11022)', async ({
    a,
    b,
    store,
    expectDead,
    newVisitor,
  }) => {
    if (!hasEpochs(store)) return;
    const userId = newUser();
    const racing = newVisitor();
    const epoch = await a.users.epochOf(userId);
    await b.users.endAll(userId);
    await racing.visit(a, (session) => void (session.bind({ userId, epoch }).user = userId));
    expect(racing.token).toBeDefined();
    await expectDead(racing);
  });
}

async function twoDevices({ a, b, newVisitor }: Kit): Promise<{ userId: string; phone: Visitor; laptop: Visitor }> {
  const [userId, phone, laptop] = [newUser(), newVisitor(), newVisitor()];
  await phone.logIn(a, userId);
  await laptop.logIn(b, userId);
  return { userId, phone, laptop };
}
