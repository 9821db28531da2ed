// A sign-in gives a new token, ends the old one everywhere and loses nothing.
import { expect } from '@jest/globals';
import { newUser, type Kit } from './kit.js';

export function newTokenAtSignIn({ it }: Kit): void {
  it('gives a new one at login, keeps the cart and ends the old one everywhere at once (CVE-2022-25896)', async (kit) => {
    const { a, b, sealed, shopper, expectDead } = kit;
    const visitor = await shopper();
    const before = visitor.copy();
    await visitor.logIn(b, newUser());
    expect(visitor.token).not.toBe(before.token);
    if (!sealed) expect(visitor.mark).not.toBe(before.mark);
    expect(await visitor.see(a)).toMatchObject({ cart: { apple: 1 }, user: expect.any(String) });
    await expectDead(before);
  });

  it('loses nothing that was acknowledged while the login ran', async ({ a, b, shopper }) => {
    const visitor = await shopper();
    const login = await visitor.begin(a);
    const cart = login.session!.cart;
    await login.session!.regenerate();
    login.session!.cart = cart;
    await visitor.copy().put(b, { cart: { apple: 2 }, coupon: 'TEN' });
    await visitor.end(a, login);
    const seen = await visitor.see(b);
    if (a.capabilities.mergesKeys) expect(seen).toEqual({ cart: { apple: 2 }, coupon: 'TEN' });
    else expect([{ cart: { apple: 1 } }, { cart: { apple: 2 }, coupon: 'TEN' }]).toContainEqual(seen);
  });
}
