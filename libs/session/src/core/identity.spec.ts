// What opens a session cannot be guessed.
import { describe, expect, it } from '@jest/globals';
import { newIdentity } from './identity.js';

describe('the secret of a session', () => {
  it('ASVS 7.2.3: has 160 random bits, each of them as often set as not', () => {
    const count = 1_000;
    const secrets = Array.from({ length: count }, () => newIdentity(Date.now()).secret);
    const often = Array.from(
      { length: 160 },
      (_, bit) => secrets.filter((one) => one[bit >> 3] & (1 << (bit & 7))).length,
    );
    expect(secrets.every((one) => one.length === 20)).toBe(true);
    // By chance alone one of them is further away once in 10^13 runs.
    for (const times of often) expect(Math.abs(times - count / 2)).toBeLessThan(140);
  });
});
