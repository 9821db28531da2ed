// A lease and the promises for it, by clocks that the tests set.
import { describe, expect, it } from '@jest/globals';
import { impatientClock, Lease, Promised } from './lease.js';

const LENGTH = 1000;

describe('a voter', () => {
  it('promises nothing for one length after its start, and knows nobody as the holder', () => {
    let now = 0;
    const promised = new Promised(LENGTH, () => now);
    expect(promised.grant('web1', 1, '')).toBe(false);
    expect(promised.isAnothers('web1')).toBe(false);
    now = LENGTH;
    expect(promised.grant('web1', 1, '')).toBe(true);
    expect(promised.grant('web2', 1, '')).toBe(false);
    expect(promised.isAnothers('web2')).toBe(true);
    now = 2 * LENGTH;
    expect(promised.grant('web2', 1, '')).toBe(true);
  });

  it('takes a promise back for the attempt that gives it back, not for a later one', () => {
    let now = 0;
    const promised = new Promised(LENGTH, () => now);
    now = LENGTH;
    promised.grant('web1', 2, '');
    promised.release('web1', 1);
    expect(promised.grant('web2', 1, '')).toBe(false);
    promised.release('web1', 2);
    expect(promised.grant('web2', 1, '')).toBe(true);
  });

  it('tells the next holder how late the one before may have stamped', () => {
    let now = 0;
    const promised = new Promised(LENGTH, () => now);
    now = LENGTH;
    promised.grant('web1', 1, 'm1');
    promised.grant('web1', 1, 'm5');
    expect(promised.floor).toBe('');
    now = 2 * LENGTH;
    promised.grant('web2', 1, 'm2');
    expect(promised.floor).toBe('m5');
  });
});

describe('a holder', () => {
  it('counts a promise from before it asked, and for less than it was given', () => {
    let now = 100;
    const lease = new Lease(LENGTH, () => now);
    lease.grantedBy('web1', 100, 'm1');
    lease.grantedBy('web2', 150, 'm2');
    lease.grantedBy('web2', 120, 'm0');
    expect(lease.isHeldBy(2)).toBe(true);
    now = 1000;
    expect(lease.voters()).toEqual(['web2']);
    expect(lease.isHeldBy(2)).toBe(false);
  });

  it('stamps as late as so many voters know, whatever a further one was told long ago', () => {
    const lease = new Lease(LENGTH, () => 0);
    for (const [voter, ceiling] of [
      ['web1', 'm3'],
      ['web2', 'm2'],
      ['web3', 'm1'],
    ])
      lease.grantedBy(voter, 0, ceiling);
    expect(lease.ceiling(2)).toBe('m2');
    expect(lease.ceiling(4)).toBe('');
  });
});

it('the clock of a holder is never slow, and hardly fast, however often it is read', () => {
  const [clock, begun] = [impatientClock(), performance.now()];
  let [last, reads, passed, wrong, isBackward] = [0, 0, 0, 0, false];
  while (passed < 300) {
    const before = performance.now() - begun;
    const now = clock();
    passed = performance.now() - begun;
    isBackward ||= now < last;
    wrong = Math.max(wrong, before - now, now - passed * 1.05);
    last = now;
    reads++;
  }
  expect(isBackward).toBe(false);
  expect(wrong).toBeLessThan(5);
  expect(reads).toBeGreaterThan(1000);
});
