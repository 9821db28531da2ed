import { beforeEach, describe, expect, it } from '@jest/globals';
import type { DeadlineClock } from './deadline-clock.js';
import type { Health } from './health.js';
import type { NodeSetOptions } from './node-set.js';
import { Stuck } from './stuck.js';
import type { WatchedNode } from './watched-node.js';

/** What `Stuck` sees of two nodes; each test sets it. */
const [node, other] = [0, 1].map((index) => ({
  index,
  agreement: { pendingSince: undefined as number | undefined, answeredAt: -1 },
})) as unknown as (WatchedNode & { agreement: { pendingSince: number | undefined; answeredAt: number } })[];
const usable = [node, other];
let now = 0;
let answers = true;
let stuck: Stuck;

beforeEach(() => {
  [now, answers] = [1_000, true];
  for (const { agreement } of usable) Object.assign(agreement, { pendingSince: undefined, answeredAt: -1 });
  const health = { hasAnsweredSince: () => answers } as unknown as Health;
  const clock = { now: () => now } as DeadlineClock;
  stuck = new Stuck(clock, health, usable, { readTimeoutMs: 300, writeTimeoutMs: 800 } as NodeSetOptions);
});

describe('a write that takes long', () => {
  it('waits for its node alone when that answers nothing', () => {
    answers = false;
    expect(stuck.isStuck(node, 500, usable)).toBe(true);
  });

  it('waits for its node alone when others take writes, and that takes none', () => {
    stuck.wrote(other);
    expect(stuck.isStuck(node, 500, usable)).toBe(false);
    // Others go on, and this does not.
    for (let i = 0; i < 100; i++) {
      now += 10;
      stuck.wrote(other);
    }
    expect(stuck.isStuck(node, 500, usable)).toBe(true);
    expect(stuck.isStuck(node, now - 100, usable)).toBe(false);
    stuck.wrote(node);
    expect(stuck.isStuck(node, 500, usable)).toBe(false);
  });

  it('waits for something else while nobody knows better', () => {
    expect(stuck.isStuck(node, 500, usable)).toBe(false);
    node.agreement.pendingSince = 600;
    expect(stuck.isStuck(node, 500, usable)).toBe(false);
  });

  it('waits for its node alone when another one agrees with the group, and that does not, for a while', () => {
    node.agreement.pendingSince = 600;
    other.agreement.answeredAt = now;
    expect(stuck.isStuck(node, 500, usable)).toBe(false);
    now += 200;
    expect(stuck.isStuck(node, 500, usable)).toBe(true);
  });

  it('waits for something else when the other one had agreed before that was asked, or when that agrees too', () => {
    node.agreement.pendingSince = 600;
    other.agreement.answeredAt = 550;
    expect(stuck.isStuck(node, 500, usable)).toBe(false);
    other.agreement.answeredAt = 650;
    node.agreement.pendingSince = undefined;
    expect(stuck.isStuck(node, 500, usable)).toBe(false);
  });

  it('blames a node after the time of a first attempt only', () => {
    stuck.wrote(other);
    now += 200;
    expect(stuck.isToBlame(node, 50, usable)).toBe(false);
    expect(stuck.isToBlame(node, 400, usable)).toBe(true);
  });
});
