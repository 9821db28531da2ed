import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import { canBeText } from './json-text.js';

const ROOM = 100_000;

it('is no doubt about any JSON, within the length of its text', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (content) => {
      const value = JSON.parse(JSON.stringify(content)) as object;
      expect(canBeText(value, JSON.stringify(value).length)).toBe(true);
    }),
  );
});

it('takes nothing for JSON that its text does not tell', () => {
  const anything = fc.anything({
    withBigInt: true,
    withDate: true,
    withMap: true,
    withSet: true,
    withNullPrototype: true,
    withSparseArray: true,
    withTypedArray: true,
  });
  fc.assert(
    fc.property(fc.dictionary(fc.string(), anything), (content) => {
      if (!canBeText(content, ROOM)) return;
      expect(JSON.parse(JSON.stringify(content))).toEqual(withPlainPrototypes(content));
    }),
    { numRuns: 2000 },
  );
});

const named = Object.assign([1], { total: 1 });
const symbol = Symbol('s');

it.each<[string, unknown]>([
  ['a date', new Date(0)],
  ['what JSON makes null', NaN],
  ['a negative zero', -0],
  ['undefined', undefined],
  ['undefined in a list', [undefined]],
  ['a hole in a list', Array(1)],
  ['a list with a name', named],
  ['a list with a name that no loop shows', Object.defineProperty([1], 'total', { value: 1 })],
  ['a list with a symbol', Object.assign([1], { [symbol]: 1 })],
  ['an object with a symbol', { [symbol]: 1 }],
  ['a function', () => 1],
  ['its own text', { toJSON: () => 1 }],
  ['a class', new (class {})()],
  ['a list of a class', new (class extends Array {})()],
])('doubts %s, at any depth', (_, value) => {
  expect(canBeText({ key: value }, ROOM)).toBe(false);
  expect(canBeText({ key: [{ deep: value }] }, ROOM)).toBe(false);
});

it('stops at what is longer, and at what contains itself', () => {
  expect(canBeText({ key: 'x'.repeat(100) }, 100)).toBe(false);
  expect(canBeText({ key: Array(100).fill(0) }, 100)).toBe(false);
  let reads = 0;
  const list = Array.from({ length: 1000 }, () => ({
    get value() {
      return ++reads;
    },
  }));
  expect(canBeText({ list }, 100)).toBe(false);
  expect(reads).toBeLessThan(100);
  const circle: Record<string, unknown> = {};
  circle.self = circle;
  expect(canBeText(circle, 1000)).toBe(false);
});

/** An object without a prototype is JSON's too, and comes back with one. */
function withPlainPrototypes(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withPlainPrototypes);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, child]) => [key, withPlainPrototypes(child)]));
}
