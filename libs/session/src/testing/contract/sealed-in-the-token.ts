// A session that is in the token fits into the cookie, and a slow response gives it to nobody again.
import { expect } from '@jest/globals';
import type { Session } from '../../core/session.js';
import { MINUTE, newUser, type Kit } from './kit.js';

export function sealedInTheToken({ it }: Kit): void {
  it('is refused when the browser would not keep it, before anything is sent, and names the biggest keys', async (kit) => {
    const { a, b, sealed, shopper } = kit;
    if (!sealed) return;
    const visitor = await shopper();
    const { token } = visitor;
    const grow = (session: Session) => {
      session.small = 'x';
      session.note = 'n'.repeat(2800);
      session.picture = 'p'.repeat(3000);
    };
    const tooLarge = { code: 'session_too_large', message: expect.stringMatching(/picture \(3002.*note \(2802.*cart/) };
    await expect(visitor.visit(b, grow)).rejects.toMatchObject(tooLarge);
    await expect(visitor.visit(b, (session) => (grow(session), session.save()))).rejects.toMatchObject(tooLarge);
    const login = visitor.visit(b, async (session, request) => {
      await session.regenerate();
      grow(request.session!.bind({ userId: newUser(), epoch: 0 }));
      request.session!.cart = { apple: 1 };
    });
    await expect(login).rejects.toMatchObject(tooLarge);
    // What the browser has is as it was, and the login that failed has ended nothing.
    expect(visitor.token).toBe(token);
    expect(await visitor.see(a)).toEqual({ cart: { apple: 1 } });
  });

  it('may log the browser out when a slow response overtakes a login, and never in', async (kit) => {
    const { a, b, sealed, expectDead, advance } = kit;
    if (!sealed) return;
    const bystander = kit.newVisitor();
    const first = newUser();
    await bystander.logIn(a, first);
    const slow = [await bystander.begin(a), await bystander.begin(b)];
    for (const request of slow) request.session!.late = true;
    advance(2 * MINUTE);
    const touching = [await bystander.begin(a), await bystander.begin(b)];
    await bystander.visit(b, (session) => session.destroy());
    await bystander.logIn(b, newUser());
    for (const [i, request] of [...slow, ...touching].entries()) {
      const browser = bystander.copy();
      const here = i % 2 ? b : a;
      await browser.end(here, request).catch((error: unknown) => {
        expect(error).toMatchObject({ code: 'session_ended' });
      });
      // It is the new user's, or nobody's: never again the first one's.
      if (browser.token !== bystander.token) await expectDead(browser);
    }
    // The server that ended the session sends nothing that could take the place of the login.
    const overtaken = bystander.copy();
    await overtaken.end(b, touching[1]);
    expect(overtaken.token).toBe(bystander.token);
    expect((await bystander.see(a))!.user).not.toBe(first);
  });
}
