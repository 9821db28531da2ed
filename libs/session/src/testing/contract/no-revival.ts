// After an acknowledged sign-out nothing brings the session back, on any server.
import { expect } from '@jest/globals';
import { MINUTE, type Kit } from './kit.js';

export function noRevival({ it }: Kit): void {
  it('is dead on every server once a logout is acknowledged', async ({ b, shopper, expectDead, newVisitor }) => {
    const visitor = await shopper();
    const copy = visitor.copy();
    await visitor.visit(b, (session) => session.destroy());
    expect(visitor).toEqual(newVisitor());
    await expectDead(copy);
  });

  it('stays dead when a slow request writes after the logout (expressjs/session#632, CVE-2025-46336)', async (kit) => {
    const { a, b, events, shopper, expectDead } = kit;
    const visitor = await shopper();
    const [early, slow] = await Promise.all([visitor.begin(a), visitor.begin(a)]);
    early.session!.late = slow.session!.late = true;
    await visitor.copy().visit(b, (session) => session.destroy());
    // Where servers hear of it within a while, a commit in that while may still succeed: in vain.
    if (a.capabilities.logoutWithinMs > 0) {
      const hasty = visitor.copy();
      await hasty.end(a, early).catch((error: unknown) => expect(error).toMatchObject({ code: 'session_ended' }));
      await expectDead(hasty);
    }
    await expect(visitor.end(a, slow)).rejects.toMatchObject({ code: 'session_ended' });
    await expectDead(visitor);
    expect(events).toContainEqual(expect.objectContaining({ type: 'revival-refused' }));
  });

  it('stays dead when a slow request only touches', async ({ a, b, calls, sealed, shopper, expectDead, advance }) => {
    const visitor = await shopper();
    advance(2 * MINUTE);
    const slow = await visitor.begin(a);
    await visitor.copy().visit(b, (session) => session.destroy());
    await visitor.end(a, slow);
    if (!sealed) expect(calls).toContain('touch');
    await expectDead(visitor);
  });

  it('ends on the server even when nobody waits for destroy', async ({ a, shopper, expectDead }) => {
    const visitor = await shopper();
    const copy = visitor.copy();
    await visitor.visit(a, (session) => void session.destroy(() => undefined));
    await expectDead(copy);
  });
}
