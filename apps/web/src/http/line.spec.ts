// Lines: the order in them, their places, and that nobody stands in one for ever.
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { OverloadedError } from './app.errors.js';
import { Line, Lines } from './line.js';

beforeEach(() => {
  jest.useFakeTimers();
});
afterEach(() => {
  jest.useRealTimers();
});

/** Work that takes so many milliseconds, and tells when it begins and ends. */
const told: string[] = [];
const work =
  (name: string, ms = 100) =>
  async () => {
    told.push(`${name} in`);
    await new Promise((resolve) => setTimeout(resolve, ms));
    told.push(`${name} out`);
    return name;
  };
beforeEach(() => {
  told.length = 0;
});

describe('Line', () => {
  it('lets the next one in when one is through, first come, first served', async () => {
    const line = new Line(1, 10);
    const all = Promise.all(['a', 'b', 'c'].map((name) => line.inTurn(work(name))));
    await jest.advanceTimersByTimeAsync(300);
    expect(await all).toEqual(['a', 'b', 'c']);
    expect(told).toEqual(['a in', 'a out', 'b in', 'b out', 'c in', 'c out']);
    expect(line.isIdle).toBe(true);
  });

  it('goes on when somebody fails in it', async () => {
    const line = new Line(1, 10);
    const failed = line.inTurn(() => Promise.reject(new Error('no')));
    const next = line.inTurn(work('next'));
    await expect(failed).rejects.toThrow('no');
    await jest.advanceTimersByTimeAsync(100);
    expect(await next).toBe('next');
  });

  it('refuses who has waited for a second, and who finds too many before them', async () => {
    const line = new Line(1, 1);
    const slow = line.inTurn(work('slow', 1_500));
    const outcomes = Promise.allSettled([line.inTurn(work('late')), line.inTurn(work('too many'))]);
    await jest.advanceTimersByTimeAsync(1_500);
    for (const outcome of await outcomes)
      expect(outcome).toEqual({ status: 'rejected', reason: expect.any(OverloadedError) });
    expect(await slow).toBe('slow');
    expect(told).toEqual(['slow in', 'slow out']);
  });

  it('brings nothing about after a standstill', async () => {
    const line = new Line(1, 10);
    const frozen = line.inTurn(work('frozen', 3_000));
    const outcome = expect(frozen).rejects.toThrow(OverloadedError);
    await jest.advanceTimersByTimeAsync(3_000);
    await outcome;
  });
});

describe('Lines', () => {
  it('has one for each key, keeps none that is empty, and holds so many in all', async () => {
    const lines = new Lines({ places: 1, maxWaiting: 10, capacity: 3 });
    const all = Promise.all([
      lines.inTurn('ann', work('ann 1')),
      lines.inTurn('ann', work('ann 2')),
      lines.inTurn('bob', work('bob 1')),
    ]);
    await expect(lines.inTurn('eve', work('eve 1'))).rejects.toThrow(OverloadedError);
    await jest.advanceTimersByTimeAsync(200);
    await all;
    expect(told).toEqual(['ann 1 in', 'bob 1 in', 'ann 1 out', 'ann 2 in', 'bob 1 out', 'ann 2 out']);
    expect(lines).toMatchObject({ lines: new Map(), inside: 0 });
  });
});
