// Homes are shared evenly, agreed on by all, and keys move only away from a node that is gone.
import { describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { hashOf, highestRanked } from './rendezvous.js';

const nodes = Array.from({ length: 3 }, () => randomUUID()).map((uuid) => ({ uuid, hash: hashOf(uuid) }));
const keys = Array.from({ length: 6000 }, (_, i) => (0x1900000000 + i).toString(16) + randomUUID().slice(0, 8));
const homeOf = (key: string, among = nodes) => highestRanked(among, hashOf(key))?.uuid;

describe('rendezvous hashing', () => {
  it('gives each node its share', () => {
    const counts = new Map<string | undefined, number>();
    for (const key of keys) counts.set(homeOf(key), (counts.get(homeOf(key)) ?? 0) + 1);
    expect(counts.size).toBe(3);
    for (const count of counts.values()) expect(Math.abs(count - 2000)).toBeLessThan(250);
  });

  it('does not depend on the order in which the nodes are configured', () => {
    for (const key of keys.slice(0, 200)) expect(homeOf(key, [...nodes].reverse())).toBe(homeOf(key));
  });

  it('moves only the keys of the node that left, to both others', () => {
    const [gone, ...left] = nodes;
    const moved = new Set<string | undefined>();
    for (const key of keys) {
      if (homeOf(key) === gone?.uuid) moved.add(homeOf(key, left));
      else expect(homeOf(key, left)).toBe(homeOf(key));
    }
    expect(moved.size).toBe(2);
  });

  it('passes over the nodes it is told to', () => {
    const key = 'k';
    const first = highestRanked(nodes, hashOf(key));
    const second = highestRanked(nodes, hashOf(key), new Set([first!]));
    expect(second).not.toBe(first);
    expect(highestRanked(nodes, hashOf(key), new Set(nodes))).toBeUndefined();
  });
});
