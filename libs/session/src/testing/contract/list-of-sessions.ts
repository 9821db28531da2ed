// The list of a user's sessions is complete, and each of them can be ended by its owner only.
import { expect } from '@jest/globals';
import { isSessionIndex } from '../../port/abilities.js';
import { newUser, type Kit } from './kit.js';

export function listOfSessions({ it }: Kit): void {
  it('are listed, and ended one by one', async ({ a, b, store, newVisitor }) => {
    if (!isSessionIndex(store)) return expect(a.users.list('user')).rejects.toThrow('keeps no list');
    const userId = newUser();
    const [phone, laptop, stranger] = [newVisitor(), newVisitor(), newVisitor()];
    await phone.logIn(a, userId);
    await laptop.logIn(b, userId);
    await stranger.logIn(b, newUser());
    const ids = (await a.users.list(userId)).map(({ id }) => id);
    expect(new Set(ids)).toEqual(new Set([(await phone.begin(a)).id, (await laptop.begin(a)).id]));
    expect(await b.users.end(userId, (await stranger.begin(a)).id)).toBe(false);
    expect(await b.users.end(userId, (await phone.begin(a)).id)).toBe(true);
    expect(await phone.see(a)).toBeUndefined();
    expect(await laptop.see(a)).toBeDefined();
    expect(await stranger.see(a)).toBeDefined();
  });

  it('are all listed when they began at the same moment on different servers (better-auth#11073)', async (kit) => {
    const { a, b, store } = kit;
    if (!isSessionIndex(store)) return;
    const userId = newUser();
    const devices = Array.from({ length: 10 }, () => kit.newVisitor());
    await Promise.all(devices.map((device, i) => device.logIn(i % 2 ? a : b, userId)));
    for (const here of [a, b]) expect(await here.users.list(userId)).toHaveLength(devices.length);
    await b.users.endAll(userId);
    for (const device of devices) expect(await device.see(a)).toBeUndefined();
  });
}
