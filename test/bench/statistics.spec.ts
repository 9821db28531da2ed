// Medians and spreads.
import { describe, expect, it } from '@jest/globals';
import { median, spread } from './statistics.js';

describe('median', () => {
  it.each([
    [[3], 3],
    [[10, 1, 2], 2],
    [[4, 1, 3, 2], 2.5],
  ])('of %j is %d', (numbers, expected) => expect(median(numbers)).toBe(expected));

  it('leaves its numbers in their order', () => {
    const numbers = [3, 1, 2];
    median(numbers);
    expect(numbers).toEqual([3, 1, 2]);
  });
});

it('spread tells the least and the greatest beside the median', () => {
  expect(spread([5, 9, 1])).toEqual({ median: 5, least: 1, greatest: 9 });
});
