// Any value of JavaScript in a session: it is stored exactly, or refused by the name of its key.
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { SessionManager } from '../manager.js';
import { MemorySessionStore } from '../methods/memory/memory-session-store.js';
import { Visitor } from '../testing/visitor.js';
import { MAX_DEPTH, MAX_VALUES, toJson } from './json-value.js';

const manager = new SessionManager({ store: new MemorySessionStore(), secrets: ['k'.repeat(32)], secure: false });

/** What the next request finds at the key where one has put this. */
async function stored(value: unknown): Promise<unknown> {
  const visitor = new Visitor();
  await visitor.put(manager, { value, other: 1 });
  return (await visitor.see(manager))!.value;
}

/** Stricter than `toStrictEqual`, which takes a hole for undefined; a property that is undefined may be missing. */
function isSame(put: unknown, got: unknown): boolean {
  if (typeof put !== 'object' || put === null) return Object.is(put, got);
  if (typeof got !== 'object' || got === null || Array.isArray(put) !== Array.isArray(got)) return false;
  if (Object.prototype.toString.call(put) !== Object.prototype.toString.call(got)) return false;
  const defined = (value: object) =>
    Reflect.ownKeys(value).filter((key) => Reflect.get(value, key) !== undefined || Array.isArray(value));
  const keys = defined(put);
  return (
    keys.length === defined(got).length &&
    keys.every((key) => Object.hasOwn(got, key) && isSame(Reflect.get(put, key), Reflect.get(got, key)))
  );
}

const anything = fc.anything({
  withBigInt: true,
  withBoxedValues: true,
  withDate: true,
  withMap: true,
  withNullPrototype: true,
  withObjectString: true,
  withSet: true,
  withSparseArray: true,
  withTypedArray: true,
  key: fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('toJSON', 'constructor', '__proto__', 'length', '0')),
  values: [
    fc.boolean(),
    fc.double(),
    fc.string({ unit: 'binary' }),
    fc.constantFrom<unknown>(null, undefined, NaN, -0, Infinity, '\ud800', '\u0000', Symbol('s'), Math, /x/, () => 1),
    fc
      .constantFrom<() => unknown>(
        () => Buffer.from('x'),
        () => new Error('x'),
        () => new (class Own {})(),
      )
      .map((make) => make()),
  ],
});

describe('a value in a session', () => {
  it('is stored exactly or refused by name, whatever it is', async () => {
    await fc.assert(
      fc.asyncProperty(anything, async (value) => {
        try {
          return isSame(value, await stored(value));
        } catch (error) {
          expect(error).toMatchObject({ code: 'session_usage', message: expect.stringMatching(/^session\.value\b/) });
          return true;
        }
      }),
      { numRuns: 1500, seed: 18 },
    );
  });

  it('is stored exactly when it is JSON', async () => {
    const values = fc
      .json({ stringUnit: 'binary' })
      // `JSON.parse` makes -0, and a key of "__proto__".
      .map((text) => JSON.parse(text.replaceAll('__proto__', 'proto').replaceAll('-0', '0')) as unknown);
    await fc.assert(
      fc.asyncProperty(values, async (value) => isSame(value, await stored(value))),
      { numRuns: 500, seed: 18 },
    );
  });

  it('may be nested as deep as the limit, and have as many values', () => {
    const nested = (depth: number) => JSON.parse('['.repeat(depth) + ']'.repeat(depth)) as unknown;
    expect(toJson('deep', nested(MAX_DEPTH))).toEqual(nested(MAX_DEPTH));
    expect(() => toJson('deep', nested(MAX_DEPTH + 1))).toThrow(
      `session.deep is nested deeper than ${MAX_DEPTH} levels`,
    );
    expect(() => toJson('deep', nested(100_000))).toThrow('session.deep is nested deeper');
    expect(toJson('many', new Array(MAX_VALUES - 1).fill(0))).toHaveLength(MAX_VALUES - 1);
    expect(() => toJson('many', new Array(MAX_VALUES).fill(0))).toThrow(
      `session.many has more than ${MAX_VALUES} values`,
    );
    let doubled: unknown = [];
    for (let level = 1; level < MAX_DEPTH; level++) doubled = [doubled, doubled];
    expect(() => toJson('many', doubled)).toThrow('session.many has more than');
    expect(() => toJson('long', new Array(1000).fill('x'.repeat(60_000)))).toThrow('session.long has more than');
  });

  it('is a change also where it would look as what is stored', async () => {
    for (const [before, after] of [
      [{}, new Map([[1, 2]])],
      [null, NaN],
      [[null], [undefined]],
      [0, -0],
    ] as const) {
      const visitor = new Visitor();
      await visitor.put(manager, { value: before });
      await expect(visitor.put(manager, { value: after })).rejects.toThrow('session.value');
      await visitor.visit(manager, async (session) => {
        session.value = after;
        await session.reload();
        expect(session.value).toEqual(before);
      });
    }
    await expect(new Visitor().put(manager, { [Symbol('key')]: 1 })).rejects.toThrow('session[Symbol(key)]');
  });
});
