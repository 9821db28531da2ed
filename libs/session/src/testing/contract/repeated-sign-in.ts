// A sign-in that a proxy repeats on another server counts once, and nobody else profits from that.
import { expect } from '@jest/globals';
import { newId } from '../../core/identity.js';
import { REPEATED_WITHIN_MS as STEP } from '../../core/repeat-safety.js';
import type { SessionManager } from '../../manager.js';
import { isSessionIndex } from '../../port/abilities.js';
import type { Visitor } from '../visitor.js';
import { down, newUser, type Kit } from './kit.js';

export function repeatedSignIn(kit: Kit): void {
  ofOneRequest(kit);
  ofOthers(kit);
}

function ofOneRequest({ it }: Kit): void {
  const times = { 'at once': [0, 0], 'after a while': [0, STEP - 1], "in its time's next step": [STEP - 1, 2] };
  for (const [when, [start, later]] of Object.entries(times)) {
    it(`counts once when the first answer is lost, repeated ${when}`, async (kit) => {
      const { a, b, all, sealed, shopper, expectDead, advance } = kit;
      advance(start - (kit.clock % STEP));
      const [visitor, userId, requestId] = [await shopper(), newUser(), newRequest()];
      const [unanswered, old] = [visitor.copy(), visitor.copy()];
      await logIn(unanswered, a, userId, requestId);
      // Where a server may not have heard of it yet, the second try would still have its cart.
      if (sealed) await expectDead(old);
      advance(later);
      await logIn(visitor, b, userId, requestId);
      if (!sealed) expect(visitor.token).toBe(unanswered.token);
      const once = { user: userId, cart: { apple: 1 }, logins: 1 };
      for (const here of all) expect(await visitor.see(here)).toEqual(once);
      await expectOneSession(kit, userId);
    });
  }

  it('keeps what was changed between two tries of which the first did not end the old session', async (kit) => {
    const { a, b, store, serverWith, shopper, expectDead } = kit;
    const [visitor, userId, requestId] = [await shopper(), newUser(), newRequest()];
    const dying = serverWith({ create: (record) => store.create(record), destroy: down });
    await expect(logIn(visitor.copy(), dying, userId, requestId)).rejects.toThrow('on purpose');
    const old = visitor.copy();
    await visitor.put(b, { cart: { apple: 2 } });
    await logIn(visitor, b, userId, requestId);
    expect(await visitor.see(a)).toEqual({ user: userId, cart: { apple: 2 }, logins: 1 });
    await expectDead(old);
    await expectOneSession(kit, userId);
  });
}

function ofOthers({ it }: Kit): void {
  it('is nobody else: neither another user, nor another request with the old cookies', async (kit) => {
    const { a, b, sealed, shopper, expectDead } = kit;
    const [visitor, userId, requestId] = [await shopper(), newUser(), newRequest()];
    const old = visitor.copy();
    await logIn(visitor, a, userId, requestId);
    await expectDead(old.copy());
    if (!sealed) {
      const other = logIn(old.copy(), b, newUser(), requestId);
      await expect(other).rejects.toMatchObject({ code: 'session_conflict' });
    }
    for (const id of [newRequest(), undefined]) {
      const late = old.copy();
      await logIn(late, b, userId, id);
      expect(await late.see(a)).toEqual({ user: userId, logins: 1 });
      expect(late.token).not.toBe(visitor.token);
    }
    expect(await visitor.see(b)).toEqual({ user: userId, cart: { apple: 1 }, logins: 1 });
  });

  it('costs a login that nobody repeats no read, and a write only where the sessions are in the browsers', async (kit) => {
    const { a, calls, read, sealed, shopper } = kit;
    for (const requestId of [newRequest(), undefined]) {
      const visitor = await shopper();
      calls.length = 0;
      await logIn(visitor, a, newUser(), requestId);
      const trace = sealed && requestId !== undefined ? ['destroy'] : [];
      const end = calls.includes('create, which ended another') ? [] : ['destroy'];
      expect(calls).toEqual([read, expect.stringContaining('create'), ...trace, ...end]);
    }
  });
}

const newRequest = () => `request-${newId(Date.now())}`;

/** As an app does it, with a count of the logins; on the second server as on the first. */
async function logIn(who: Visitor, where: SessionManager, userId: string, requestId?: string): Promise<void> {
  const epoch = await where.users.epochOf(userId);
  await who.visit(
    where,
    async (session, request) => {
      const { cart, logins = 0 } = session;
      await session.regenerate();
      const content = { user: userId, cart, logins: Number(logins) + 1 };
      Object.assign(request.session!.bind({ userId, epoch }), content);
    },
    requestId,
  );
}

async function expectOneSession({ store, a }: Kit, userId: string): Promise<void> {
  if (isSessionIndex(store)) expect(await a.users.list(userId)).toHaveLength(1);
}
