// A process with another time of day: what of it is shifted, and what is not.
import { execFileSync } from 'node:child_process';
import { describe, expect, it } from '@jest/globals';
import { shiftedClock } from './shifted-clock.js';

const HOUR_MS = 3_600_000;

describe('a shifted clock', () => {
  it.each([HOUR_MS, -HOUR_MS])('changes the time of day by %i ms, everywhere, and nothing else', (ms) => {
    const script = `
      const start = performance.now();
      const made = new Date(2020, 1, 2);
      console.log(JSON.stringify({
        days: [Date.now(), +new Date(), +new made.constructor(), Date.parse(Date()), performance.timeOrigin],
        passed: performance.now() - start,
        fixed: [+new Date(0), Date.UTC(1970, 0, 2), made.getFullYear()],
        kind: [made instanceof Date, Object.prototype.toString.call(made)],
      }));`;
    const before = Date.now();
    const printed = execFileSync(process.execPath, [shiftedClock(ms), '--input-type=module', '-e', script]);
    const { days, passed, fixed, kind } = JSON.parse(printed.toString()) as Record<string, number[]>;
    for (const day of days) {
      // `Date()` has no milliseconds.
      expect(day - ms).toBeGreaterThan(before - 1000);
      expect(day - ms).toBeLessThanOrEqual(Date.now());
    }
    expect(passed).toBeLessThan(60_000);
    expect(fixed).toEqual([0, 86_400_000, 2020]);
    expect(kind).toEqual([true, '[object Date]']);
  });
});
