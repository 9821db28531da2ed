// A session ends after its idle limit and after its absolute limit, by the server's clock.
import { expect } from '@jest/globals';
import { limits, newUser, type Kit } from './kit.js';

export function bothLimits({ it }: Kit): void {
  it('ends after the idle limit', async ({ a, b, shopper, advance }) => {
    const visitor = await shopper();
    advance(limits.idle - 1);
    expect(await visitor.copy().see(b)).toBeDefined();
    advance(limits.idle);
    expect(await visitor.see(a)).toBeUndefined();
  });

  it('ends after the absolute limit however active (CVE-2024-35220)', async (kit) => {
    const { a, b, shopper, advance } = kit;
    const visitor = await shopper();
    const end = kit.clock + limits.lifetime - 1;
    for (; kit.clock < end; kit.clock = Math.min(end, kit.clock + limits.idle / 2)) {
      expect(await visitor.see(a)).toBeDefined();
    }
    expect(await visitor.copy().see(b)).toBeDefined();
    advance(1);
    expect(await visitor.see(b)).toBeUndefined();
  });

  it('gives "keep me signed in" its own two limits and a Max-Age', async ({ a, b, advance, newVisitor }) => {
    const visitor = newVisitor();
    await visitor.logIn(a, newUser(), true);
    advance(limits.rememberIdle - 1);
    expect(await visitor.copy().see(b)).toBeDefined();
    const request = await visitor.begin(a);
    expect(request.maxAge).toBe(limits.rememberLifetime - limits.rememberIdle + 1);
    advance(2 * limits.rememberIdle);
    expect(await visitor.see(a)).toBeUndefined();
  });

  it('lets an open response live as long as the session that its request has moved', async (kit) => {
    const { a, shopper, advance } = kit;
    const visitor = await shopper();
    advance(limits.idle / 2);
    const stream = await visitor.begin(a);
    await visitor.end(a, stream);
    advance(limits.idle - 1);
    expect(await stream.hasEnded()).toBe(false);
    advance(1);
    expect(await stream.hasEnded()).toBe(true);
  });
}
