// Activity costs one touch per interval, and a failed touch never fails a request.
import { expect } from '@jest/globals';
import { isSealed } from '../../carriers/sealed.js';
import { down, MINUTE, type Kit } from './kit.js';

export function touches({ it }: Kit): void {
  it('touches at most once per touch interval (expressjs/session#891)', async (kit) => {
    const { a, b, calls, read, sealed, shopper, advance } = kit;
    const visitor = await shopper();
    calls.length = 0;
    const tokens = new Set([visitor.token]);
    for (let second = 0; second < 150; second += 10) {
      await visitor.see(second % 20 ? a : b);
      tokens.add(visitor.token);
      advance(10_000);
    }
    expect(calls.filter((call) => call !== read)).toEqual(sealed ? [] : ['touch', 'touch']);
    expect(tokens.size).toBe(sealed ? 3 : 1);
  });

  it('does not fail a request whose touch fails', async ({ events, store, serverWith, shopper, advance }) => {
    const visitor = await shopper();
    advance(2 * MINUTE);
    const weak = serverWith(
      isSealed(store) ? { admit: onceThen((record) => store.admit(record), down) } : { touch: down },
    );
    expect(await visitor.see(weak)).toEqual({ cart: { apple: 1 } });
    expect(events).toContainEqual(expect.objectContaining({ type: 'touch-failed' }));
  });
}

/** The first call does what it should, the later ones something else. */
function onceThen<A, R>(first: (argument: A) => R, then: () => R): (argument: A) => R {
  let calls = 0;
  return (argument) => (calls++ === 0 ? first(argument) : then());
}
