// A value in a session comes back exactly as it was put in, or is refused by its path and its type.
import { expect } from '@jest/globals';
import type { Session } from '../../core/session.js';
import type { Kit } from './kit.js';

export function storedExactly({ it }: Kit): void {
  it('names the path and the type of a value that would not come back as it is, and stores nothing', async (kit) => {
    for (const [value, message] of refused()) {
      const visitor = kit.newVisitor();
      const handler = (session: Session) => void (session.bad = { in: [value] });
      const error = await visitor.visit(kit.a, handler).catch((error: unknown) => error);
      expect(error).toMatchObject({ code: 'session_usage', message: expect.stringContaining(message) });
      await expect(visitor.visit(kit.a, (session) => (handler(session), session.save()))).rejects.toThrow(message);
    }
    expect(kit.calls).toEqual([]);
  });

  it('keeps every JSON value exactly, and leaves out what is undefined', async ({ a, b, newVisitor }) => {
    const value = {
      text: '\u0000 \ud800 \udc00\ud800 ü 𝄞 "quoted" \\ \u2028',
      '\ud800 \u0000': '',
      numbers: [0, 1.5, -1e300, 5e-324, Number.MAX_SAFE_INTEGER],
      constructor: { toJSON: null, length: 1, 10: 'a', 9: [] },
      others: [null, true, false, {}],
    };
    const visitor = newVisitor();
    await visitor.put(a, { value: { ...value, left: undefined }, left: undefined });
    expect(await visitor.see(b)).toEqual({ value });
  });

  it('never freezes what a handler has put in, nor shares it with what is stored', async ({ a, b, newVisitor }) => {
    const visitor = newVisitor();
    const cart: Record<string, unknown> = { apple: { count: 1 } };
    await visitor.visit(a, async (session) => {
      session.cart = cart;
      await session.save();
      expect(session.cart).toBe(cart);
      (cart.apple as Record<string, unknown>).count = 2;
      cart.bad = new Set();
      await expect(session.save()).rejects.toThrow('session.cart.bad is a Set');
      delete cart.bad;
    });
    cart.apple = 3;
    expect(await visitor.see(b)).toEqual({ cart: { apple: { count: 2 } } });
  });
}

/** Values, and how each is refused inside of `session.bad.in`. */
function refused(): [unknown, string][] {
  const cycle: Record<string, unknown> = {};
  cycle.self = { again: cycle };
  return [
    [new Date(0), 'session.bad.in[0] is a Date, but a session can hold only JSON values: store date.toISOString()'],
    [new Map([[1, 2]]), 'session.bad.in[0] is a Map'],
    [new Set([1]), 'session.bad.in[0] is a Set'],
    [Buffer.from('x'), 'session.bad.in[0] is a Buffer'],
    [new (class Cart {})(), 'session.bad.in[0] is a Cart'],
    [() => 1, 'session.bad.in[0] is a function'],
    [Symbol('s'), 'session.bad.in[0] is a symbol'],
    [1n, 'session.bad.in[0] is a bigint'],
    [undefined, 'session.bad.in[0] is undefined'],
    [NaN, 'session.bad.in[0] is NaN'],
    [Infinity, 'session.bad.in[0] is Infinity'],
    [-0, 'session.bad.in[0] is -0'],
    [new Array(1), 'session.bad.in[0][0] is undefined'],
    [{ 'a b': new Array(1) }, 'session.bad.in[0]["a b"][0] is undefined'],
    [Object.assign([1], { extra: 1 }), 'session.bad.in[0] has the property extra'],
    [{ [Symbol('s')]: 1 }, 'session.bad.in[0] has the property Symbol(s)'],
    [{ toJSON: () => 'x' }, 'session.bad.in[0].toJSON is a function'],
    [Object.create({ inherited: 1 }), 'session.bad.in[0] is a custom object with a prototype of its own'],
    [cycle, 'session.bad.in[0].self.again contains itself'],
  ];
}
