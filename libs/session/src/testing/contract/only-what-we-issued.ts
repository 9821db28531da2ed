// A token that these servers did not issue, or issued too long ago, is "no session", without a read and never an error.
import { expect } from '@jest/globals';
import { SessionManager } from '../../manager.js';
import { limits, SECRETS, type Kit } from './kit.js';

export function onlyWhatWeIssued({ it }: Kit): void {
  it('refuses without a read whatever we did not issue', async (kit) => {
    const { a, calls, sealed, store, shopper, newVisitor } = kit;
    const { token } = await shopper();
    const stores = sealed ? otherKeys(kit).foreign : [store];
    const others = stores.map(async (store) => {
      const other = newVisitor();
      await other.put(new SessionManager({ store, secrets: ['x'.repeat(32)], secure: false }), { a: 1 });
      return other.token!;
    });
    const foreign = await Promise.all(others);
    calls.length = 0;
    for (const bad of [...foreign, '', 'x', ...mutations(token!)]) {
      const request = await newVisitor().with({ token: bad }).begin(a);
      expect(request.isStored).toBe(false);
    }
    expect(calls).toEqual([]);
  });

  it('reads nothing for a token that is older than the longest limit', async ({ a, calls, shopper, advance }) => {
    const visitor = await shopper();
    advance(limits.rememberLifetime);
    calls.length = 0;
    expect(await visitor.see(a)).toBeUndefined();
    expect(calls).toEqual([]);
  });

  it('opens with every secret and seals with the first, so that secrets can be rotated', async (kit) => {
    const { a, sealed, stores, server, shopper, advance } = kit;
    const visitor = await shopper();
    const before = visitor.token;
    const store = sealed ? otherKeys(kit).rotated : stores[1];
    const rotated = server(store, { secrets: ['y'.repeat(40), ...SECRETS] });
    expect(await visitor.see(rotated)).toBeDefined();
    // A sealed session is sealed again at once, others at their renewal.
    expect(visitor.token === before).toBe(!sealed);
    if (!sealed) advance(limits.renew);
    await visitor.see(rotated);
    await visitor.see(rotated);
    expect((await visitor.begin(a)).isStored).toBe(false);
    expect(await visitor.see(rotated)).toBeDefined();
  });
}

function otherKeys({ opened }: Kit) {
  if (!opened.sealed) throw new Error('A sealed store needs `sealed`: stores with its other keys.');
  return opened.sealed;
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

/** Every kind of damage a token can have: changed characters, spare bits, cut, longer, other alphabets and paths. */
function mutations(token: string): string[] {
  const flipped = [...token].flatMap((char, i) =>
    ['A', 'B', '_', 'Z']
      .filter((other) => other !== char)
      .map((other) => token.slice(0, i) + other + token.slice(i + 1)),
  );
  // The last character carries bits that decoding drops: only one of its spellings is ours.
  const respelled = [...ALPHABET].map((last) => token.slice(0, -1) + last).filter((other) => other !== token);
  const cut = Array.from({ length: token.length }, (_, i) => token.slice(0, i));
  const strange = ['../../etc/passwd', '%00', '{}', 'null', '💣'.repeat(18)];
  return [...flipped, ...respelled, ...cut, `${token}A`, `${token}=`, ` ${token}`, ...strange];
}
