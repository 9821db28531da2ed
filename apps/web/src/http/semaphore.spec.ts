// Semaphores: the order of the work, the permits, and that nothing waits for ever.
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { OverloadedError } from './app.errors.js';
import { KeyedSemaphore } from './keyed-semaphore.js';
import { Semaphore } from './semaphore.js';

beforeEach(() => {
  jest.useFakeTimers();
});
afterEach(() => {
  jest.useRealTimers();
});

/** Work that takes so many milliseconds, and notes when it begins and ends. */
const noted: string[] = [];
const work =
  (name: string, ms = 100) =>
  async () => {
    noted.push(`${name} in`);
    await new Promise((resolve) => setTimeout(resolve, ms));
    noted.push(`${name} out`);
    return name;
  };
beforeEach(() => {
  noted.length = 0;
});

describe('Semaphore', () => {
  it('runs the next one when one has ended, first come, first served', async () => {
    const semaphore = new Semaphore(1, 10);
    const all = Promise.all(['a', 'b', 'c'].map((name) => semaphore.run(work(name))));
    await jest.advanceTimersByTimeAsync(300);
    expect(await all).toEqual(['a', 'b', 'c']);
    expect(noted).toEqual(['a in', 'a out', 'b in', 'b out', 'c in', 'c out']);
    expect(semaphore.isIdle).toBe(true);
  });

  it('goes on when work fails', async () => {
    const semaphore = new Semaphore(1, 10);
    const failed = semaphore.run(() => Promise.reject(new Error('no')));
    const next = semaphore.run(work('next'));
    await expect(failed).rejects.toThrow('no');
    await jest.advanceTimersByTimeAsync(100);
    expect(await next).toBe('next');
  });

  it('refuses work that has waited for a second, and work for which too much waits already', async () => {
    const semaphore = new Semaphore(1, 1);
    const slow = semaphore.run(work('slow', 1_500));
    const outcomes = Promise.allSettled([semaphore.run(work('late')), semaphore.run(work('too many'))]);
    await jest.advanceTimersByTimeAsync(1_500);
    for (const outcome of await outcomes)
      expect(outcome).toEqual({ status: 'rejected', reason: expect.any(OverloadedError) });
    expect(await slow).toBe('slow');
    expect(noted).toEqual(['slow in', 'slow out']);
  });

  it('rejects after a pause of the process', async () => {
    const semaphore = new Semaphore(1, 10);
    const frozen = semaphore.run(work('frozen', 3_000));
    const outcome = expect(frozen).rejects.toThrow(OverloadedError);
    await jest.advanceTimersByTimeAsync(3_000);
    await outcome;
  });
});

describe('KeyedSemaphore', () => {
  it('has one for each key, keeps none that is idle, and takes so much work in all', async () => {
    const semaphore = new KeyedSemaphore({ permits: 1, maxWaiting: 10, capacity: 3 });
    const all = Promise.all([
      semaphore.run('ann', work('ann 1')),
      semaphore.run('ann', work('ann 2')),
      semaphore.run('bob', work('bob 1')),
    ]);
    await expect(semaphore.run('eve', work('eve 1'))).rejects.toThrow(OverloadedError);
    await jest.advanceTimersByTimeAsync(200);
    await all;
    expect(noted).toEqual(['ann 1 in', 'bob 1 in', 'ann 1 out', 'ann 2 in', 'bob 1 out', 'ann 2 out']);
    expect(semaphore).toMatchObject({ semaphores: new Map(), size: 0 });
  });
});
