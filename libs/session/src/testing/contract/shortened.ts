// A handler may end its session earlier than the site does, by `cookie.maxAge`: on every server, and never later.
import { expect } from '@jest/globals';
import { limits, MINUTE, newUser, type Kit } from './kit.js';

export function shortened({ it }: Kit): void {
  it('ends after the minute that a handler has set when it was saved, whatever comes meanwhile', async (kit) => {
    const { a, b, advance, shopper } = kit;
    const visitor = await shopper();
    await visitor.visit(a, async (session) => {
      session.saved = true;
      await session.save();
      session.cookie.maxAge = MINUTE;
      expect(session.cookie).toMatchObject({ maxAge: MINUTE, originalMaxAge: MINUTE });
    });
    advance(MINUTE / 2);
    await visitor.put(b, { later: 1 });
    await visitor.visit(b, ({ cookie, info }) => {
      expect(cookie).toMatchObject({ maxAge: MINUTE / 2, originalMaxAge: MINUTE, expires: new Date(info.expiresAt) });
      expect(info).toMatchObject({ expiresAt: kit.clock + MINUTE / 2, idleExpiresAt: kit.clock + MINUTE / 2 });
    });
    advance(MINUTE / 2 - 1);
    const stream = await visitor.begin(a);
    expect(await visitor.copy().see(b)).toMatchObject({ saved: true, later: 1 });
    advance(1);
    expect(await stream.hasEnded()).toBe(true);
    for (const server of [a, b]) expect(await visitor.copy().see(server)).toBeUndefined();
  });

  it('only ever shortens: neither a later request nor a long time gives back what is gone', async (kit) => {
    const { a, b, advance, shopper } = kit;
    const visitor = await shopper();
    const end = kit.clock + limits.lifetime;
    const set = (maxAge: number) => visitor.visit(b, ({ cookie }) => void (cookie.maxAge = maxAge));
    await set(100 * limits.lifetime);
    await visitor.visit(a, ({ cookie, info }) => {
      expect(cookie).toMatchObject({ originalMaxAge: 100 * limits.lifetime, expires: new Date(info.expiresAt) });
      expect(info.expiresAt).toBeLessThanOrEqual(end);
    });
    await set(2 * MINUTE);
    await set(10 * MINUTE);
    advance(2 * MINUTE);
    expect(await visitor.see(a)).toBeUndefined();
  });

  it('takes "keep me signed in" back by null: the cookie ends with the browser, the session with its limit', async (kit) => {
    const { a, b, advance, newVisitor } = kit;
    const visitor = newVisitor();
    await visitor.logIn(a, newUser(), true);
    await visitor.visit(b, ({ cookie }) => void (cookie.expires = null));
    await visitor.visit(a, ({ cookie, info }) => {
      expect(cookie).toMatchObject({ maxAge: null, expires: null, originalMaxAge: null });
      expect(info).toMatchObject({ expiresAt: kit.clock + limits.lifetime, remember: true });
    });
    advance(limits.lifetime);
    expect(await visitor.see(b)).toBeUndefined();
  });
}

export function shortenedBesideOthers({ it }: Kit): void {
  it('keeps the shorter end beside what another request writes at the same time', async ({
    a,
    b,
    advance,
    shopper,
  }) => {
    // Of two tokens the one wins that the browser takes last.
    if (!a.capabilities.mergesKeys) return;
    const visitor = await shopper();
    const [shortening, writing] = [await visitor.begin(a), await visitor.begin(b)];
    shortening.session!.cookie.maxAge = MINUTE;
    writing.session!.beside = true;
    await visitor.end(a, shortening);
    const marked = visitor.copy();
    await visitor.end(b, writing);
    advance(MINUTE);
    for (const browser of [visitor, marked]) expect(await browser.see(a)).toBeUndefined();
  });

  it('keeps the shorter end beside a longer one that another request asks for at the same time', async (kit) => {
    const { a, b, advance, shopper } = kit;
    if (!a.capabilities.mergesKeys) return;
    const visitor = await shopper();
    const [short, long] = [await visitor.begin(a), await visitor.begin(b)];
    short.session!.cookie.maxAge = MINUTE;
    long.session!.cookie.maxAge = 60 * MINUTE;
    await visitor.end(a, short);
    await visitor.end(b, long);
    advance(MINUTE);
    expect(await visitor.see(a)).toBeUndefined();
  });

  it('keeps what is asked for while another write of the same request runs', async ({ a, b, advance, shopper }) => {
    const visitor = await shopper();
    await visitor.visit(a, async (session) => {
      session.more = 1;
      const saved = session.save();
      await Promise.resolve();
      session.cookie.maxAge = MINUTE;
      await saved;
    });
    advance(MINUTE);
    expect(await visitor.see(b)).toBeUndefined();
  });
}

export function shortenedAtOnce({ it }: Kit): void {
  it('tells a new session its shorter end when it is stored, and the list of sessions too', async (kit) => {
    const { a, b, advance, newVisitor } = kit;
    const visitor = newVisitor();
    const userId = newUser();
    const epoch = await a.users.epochOf(userId);
    await visitor.visit(a, async (session, request) => {
      await session.regenerate();
      request.session!.cookie.maxAge = 2 * MINUTE;
      request.session!.bind({ userId, epoch }).user = userId;
    });
    if (b.users.canList) expect(await b.users.list(userId)).toMatchObject([{ expiresAt: kit.clock + 2 * MINUTE }]);
    advance(2 * MINUTE);
    expect(await visitor.see(b)).toBeUndefined();
    if (a.users.canList) expect(await a.users.list(userId)).toEqual([]);
  });

  it('refuses what is no length of time, before anything is stored', async ({ a, calls, newVisitor }) => {
    for (const maxAge of [0, -1, NaN, Infinity, '60000' as unknown as number]) {
      const act = newVisitor().visit(a, (session) => {
        session.key = 1;
        session.cookie.maxAge = maxAge;
      });
      await expect(act).rejects.toMatchObject({
        code: 'session_usage',
        message: expect.stringContaining('cookie.maxAge'),
      });
    }
    expect(calls).toEqual([]);
  });
}
