// Who may be used when: each rule of the state machine, at given times.
import { beforeEach, describe, expect, it } from '@jest/globals';
import { GtidSet } from './gtid.js';
import { Health } from './health.js';
import type { Member, NodeReport } from './probe.js';

const uuids = ['a', 'b', 'c'].map((letter) => `${letter.repeat(8)}-0000-0000-0000-000000000000`);
const group = 'dddddddd-0000-0000-0000-000000000000';
const MAX_LAG = 500;

const members = (...states: string[]): Member[] =>
  states.map((state, i) => ({ uuid: uuids[i], state, role: 'PRIMARY' }));
const allOnline = members('ONLINE', 'ONLINE', 'ONLINE');
const upTo = (last: number) => GtidSet.parse(last === 0 ? '' : `${group}:1-${last}`);

/** What a member of a multi-primary group says of itself. */
const member = (node: number, executed: number, view: Member[] = allOnline, pending = ''): NodeReport => ({
  uuid: uuids[node],
  writable: true,
  group: view,
  executed: upTo(executed),
  pending: GtidSet.parse(pending),
});
/** What a server outside a group says. */
const loner = (node: number, executed: string, writable: boolean, pending = ''): NodeReport => ({
  uuid: uuids[node],
  writable,
  group: undefined,
  executed: GtidSet.parse(executed),
  pending: GtidSet.parse(pending),
});

describe('three members of a group', () => {
  let health: Health;
  /** Looks at a node for 2 ms from `at` on. */
  const look = (node: number, at: number, executed: number, view?: Member[], pending?: string) =>
    health.probed(node, at, at + 2, member(node, executed, view, pending));

  beforeEach(() => {
    health = new Health(3, MAX_LAG);
    for (const at of [10, 50]) for (const node of [0, 1, 2]) look(node, at, 5);
  });

  it('are used when they have vouched for each other, not before', () => {
    const fresh = new Health(3, MAX_LAG);
    fresh.probed(0, 10, 12, member(0, 5));
    expect(fresh.usable()).toEqual([]);
    fresh.probed(1, 13, 15, member(1, 5));
    expect(fresh.usable()).toEqual([1]);
    fresh.probed(0, 50, 52, member(0, 5));
    expect(fresh.usable()).toEqual([0, 1]);
    expect(health.usable()).toEqual([0, 1, 2]);
  });

  it('one that missed a deadline is out at once and comes back only by a probe begun after the miss', () => {
    health.missed(0, 100, 'no answer');
    expect(health.usable()).toEqual([1, 2]);
    look(1, 101, 9);
    // Begun before the miss, answered after it.
    health.probed(0, 99, 104, member(0, 9));
    expect(health.usable()).toEqual([1, 2]);
    look(0, 110, 9);
    expect(health.usable()).toEqual([0, 1, 2]);
  });

  it('one has answered since a moment when it was asked after it, and has not failed to answer since', () => {
    look(0, 100, 5);
    expect([99, 100].map((moment) => health.hasAnsweredSince(0, moment))).toEqual([true, false]);
    health.probeFailed(0, 200, 500, 'no answer', false);
    expect(health.hasAnsweredSince(0, 99)).toBe(false);
    look(0, 510, 5);
    expect(health.hasAnsweredSince(0, 99)).toBe(true);
    health.probeFailed(0, 600, 601, 'refused', true);
    expect(health.hasAnsweredSince(0, 99)).toBe(false);
  });

  it('one that thaws is not used while it lacks what another had executed, though it says ONLINE', () => {
    health.missed(0, 100, 'no answer');
    look(1, 110, 9);
    look(0, 120, 8);
    expect(health.usable()).toEqual([1, 2]);
    expect(health.of(0).reason).toBe('it is catching up with the other nodes');
    look(0, 160, 9);
    expect(health.usable()).toEqual([0, 1, 2]);
  });

  it('what the others said before the miss does not vouch for it', () => {
    health.missed(0, 100, 'no answer');
    look(0, 110, 5);
    expect(health.usable()).toEqual([1, 2]);
    expect(health.of(0).reason).toBe('no other node has confirmed yet that it is ONLINE');
  });

  describe('that come back after a write that did not wait for them', () => {
    beforeEach(() => {
      health.missed(2, 100, 'no answer');
      for (const node of [0, 1]) look(node, 101, 5);
    });

    it('must have it, though the others were looked at before it', () => {
      health.executed(0, 210, upTo(6));
      look(2, 215, 5);
      expect(health.usable()).toEqual([0, 1]);
      look(2, 255, 6);
      expect(health.usable()).toEqual([0, 1, 2]);
    });

    it('must have it, though they or the others were being looked at just then', () => {
      health.executed(0, 210, upTo(6));
      health.probed(2, 209, 212, member(2, 5));
      health.probed(0, 209, 213, member(0, 5));
      look(2, 215, 5);
      expect(health.usable()).toEqual([0, 1]);
      look(0, 250, 6);
      look(2, 255, 6);
      expect(health.usable()).toEqual([0, 1, 2]);
    });

    it('do not vouch for each other without it', () => {
      health.missed(1, 150, 'no answer');
      health.executed(0, 210, upTo(6));
      for (const at of [215, 255]) for (const node of [1, 2]) look(node, at, 5);
      expect(health.usable()).toEqual([0]);
    });

    it('must have it when its node has died since, if they have received it', () => {
      health.executed(0, 210, upTo(6));
      health.probeFailed(0, 211, 212, 'refused', true);
      for (const at of [215, 255]) look(2, at, 5, allOnline, `${group}:6`);
      expect(health.usable()).toEqual([1]);
      look(2, 295, 6);
      expect(health.usable()).toEqual([1, 2]);
    });
  });

  it('one that the others see as unreachable or have expelled is not used, whatever it says', () => {
    health.missed(0, 100, 'no answer');
    look(1, 110, 5, members('UNREACHABLE', 'ONLINE', 'ONLINE'));
    look(0, 120, 5);
    expect(health.usable()).toEqual([1, 2]);
    look(1, 130, 5, allOnline.slice(1));
    look(0, 140, 5);
    expect(health.usable()).toEqual([1, 2]);
    look(1, 150, 5);
    look(0, 160, 5);
    expect(health.usable()).toEqual([0, 1, 2]);
  });

  it('one that lacks what another had executed half a second ago is out, and its lag is known', () => {
    look(1, 300, 9);
    look(0, 310, 5);
    look(0, 800, 5);
    expect(health.usable()).toEqual([0, 1, 2]);
    expect(health.of(0).lagMs).toBe(498);
    look(0, 810, 5);
    expect(health.usable()).toEqual([1, 2]);
    expect(health.of(0).reason).toMatch(/^it is 508 ms behind/);
    look(1, 820, 9);
    look(0, 830, 9);
    expect(health.usable()).toEqual([0, 1, 2]);
  });

  it('late ones stay out when the one that was ahead dies, until they have applied what they have of it', () => {
    look(0, 300, 9);
    for (const node of [1, 2]) look(node, 900, 5, allOnline, `${group}:6-9`);
    expect(health.usable()).toEqual([0]);
    health.probeFailed(0, 910, 912, 'refused', true);
    const withoutIt = members('UNREACHABLE', 'ONLINE', 'ONLINE');
    for (const at of [920, 960]) for (const node of [1, 2]) look(node, at, 5, withoutIt, `${group}:6-9`);
    expect(health.usable()).toEqual([]);
    expect(health.of(1).reason).toBe('it is catching up with the other nodes');
    // It is started again, and is no member yet.
    look(0, 970, 9, members('OFFLINE'));
    for (const at of [980, 1020]) for (const node of [1, 2]) look(node, at, 8, allOnline.slice(1), `${group}:9`);
    expect(health.usable()).toEqual([]);
    look(1, 1060, 9, allOnline.slice(1));
    look(2, 1070, 9, allOnline.slice(1));
    look(1, 1100, 9, allOnline.slice(1));
    expect(health.usable()).toEqual([1, 2]);
  });

  it('what a dead one had alone is not waited for, also under a steady stream of writes', () => {
    const ofItsOwn = GtidSet.parse(`${group}:1-9,${uuids[0]}:1`);
    health.probed(0, 300, 302, { ...member(0, 9), executed: ofItsOwn });
    for (const node of [1, 2]) look(node, 900, 9);
    expect(health.usable()).toEqual([0]);
    health.probeFailed(0, 910, 912, 'refused', true);
    for (const at of [920, 960]) for (const node of [1, 2]) look(node, at, 9, allOnline, `${group}:10-12`);
    expect(health.usable()).toEqual([1, 2]);
  });

  it('a steady stream of writes, each a little late everywhere, fences nobody', () => {
    for (let t = 100; t < 5000; t += 250)
      [0, 1, 2].forEach((node, i) => look(node, t + 80 * i, Math.floor((t + 80 * i) / 10) - i));
    expect(health.usable()).toEqual([0, 1, 2]);
  });

  it.each(['RECOVERING', 'ERROR', 'OFFLINE', 'UNREACHABLE'])('one that is %s in its own view is out', (state) => {
    look(0, 100, 5, members(state, 'ONLINE', 'ONLINE'));
    expect(health.usable()).toEqual([1, 2]);
    look(1, 110, 5);
    look(0, 120, 5);
    expect(health.usable()).toEqual([0, 1, 2]);
  });

  it('one without a majority in its own view is out, also when it answers alone', () => {
    look(0, 100, 5, members('ONLINE', 'UNREACHABLE', 'UNREACHABLE'));
    for (const node of [1, 2]) health.probeFailed(node, 100, 110, 'refused', true);
    look(0, 200, 5, members('ONLINE', 'UNREACHABLE', 'UNREACHABLE'));
    expect(health.usable()).toEqual([]);
  });

  it('one with a majority comes back alone when all others were asked after its miss and none answers', () => {
    health.missed(0, 100, 'no answer');
    look(0, 110, 5);
    health.probeFailed(1, 110, 120, 'no answer', false);
    look(0, 130, 5);
    expect(health.usable()).toEqual([2]);
    health.probeFailed(2, 110, 140, 'refused', true);
    look(0, 150, 5);
    expect(health.usable()).toEqual([0]);
  });

  it('after this process stood still nothing known before counts', () => {
    health.stalled(1000);
    expect(health.usable()).toEqual([]);
    for (const at of [1001, 1010]) for (const node of [0, 1, 2]) look(node, at, 5);
    expect(health.usable()).toEqual([0, 1, 2]);
  });

  it('a read-only member is online but takes nothing', () => {
    health.probed(0, 100, 102, { ...member(0, 5), writable: false });
    expect(health.usable()).toEqual([1, 2]);
    expect(health.of(0).fencedSince).toBeUndefined();
  });
});

describe('servers outside a group', () => {
  it('a single server is used at once, and again by the first probe after a miss', () => {
    const health = new Health(1, MAX_LAG);
    health.probed(0, 10, 12, loner(0, '', true));
    expect(health.usable()).toEqual([0]);
    health.missed(0, 20, 'no answer');
    expect(health.usable()).toEqual([]);
    health.probed(0, 21, 22, loner(0, '', true));
    expect(health.usable()).toEqual([0]);
  });

  const source = (last: number) => `${uuids[0]}:1-${last}`;

  it('a source does not wait for its replicas, and a late replica does not disturb it', () => {
    const health = new Health(2, MAX_LAG);
    health.probed(1, 10, 12, loner(1, source(5), false));
    health.probed(0, 20, 22, loner(0, source(9), true));
    expect(health.usable()).toEqual([0]);
    health.probed(1, 900, 902, loner(1, source(5), false));
    expect(health.of(1).reason).toMatch(/^it is 878 ms behind/);
    health.missed(0, 950, 'no answer');
    health.probed(0, 960, 962, loner(0, source(9), true));
    expect(health.usable()).toEqual([0]);
  });

  describe('a late replica whose source dies', () => {
    let health: Health;
    const late = (at: number, executed: number, pending = '', writable = false) =>
      health.probed(1, at, at + 2, loner(1, source(executed), writable, pending));

    beforeEach(() => {
      health = new Health(3, MAX_LAG);
      health.probed(0, 10, 12, loner(0, source(9), true));
      health.probeFailed(2, 10, 12, 'refused', true);
    });

    it('is not read before it has applied all that it has received; what never came is not waited for', () => {
      late(900, 2, `${uuids[0]}:3-8`);
      for (const node of [0, 2]) health.probeFailed(node, 910, 912, 'refused', true);
      late(920, 2, `${uuids[0]}:3-8`);
      late(960, 7, `${uuids[0]}:8`);
      expect(health.readable()).toEqual([]);
      late(1010, 8);
      expect(health.readable()).toEqual([1]);
      expect(health.usable()).toEqual([]);
    });

    it('is used when an operator lets it take writes, whatever it lacks', () => {
      late(900, 2, `${uuids[0]}:3-8`);
      for (const node of [0, 2]) health.probeFailed(node, 910, 912, 'refused', true);
      late(920, 2, `${uuids[0]}:3-8`, true);
      expect(health.usable()).toEqual([1]);
    });

    it('is not read while another replica is that has more', () => {
      health.probed(2, 20, 22, loner(2, source(9), false));
      late(900, 2);
      health.probeFailed(0, 910, 912, 'refused', true);
      health.probed(2, 915, 917, loner(2, source(9), false));
      late(920, 2);
      expect(health.readable()).toEqual([2]);
      health.probeFailed(2, 930, 932, 'refused', true);
      late(940, 2);
      expect(health.readable()).toEqual([1]);
    });
  });

  it('a change of roles is followed by the next probe', () => {
    const health = new Health(2, MAX_LAG);
    for (const at of [10, 20]) {
      health.probed(0, at, at + 2, loner(0, source(9), true));
      health.probed(1, at + 3, at + 5, loner(1, source(9), false));
    }
    expect(health.usable()).toEqual([0]);
    health.probed(0, 30, 32, loner(0, source(9), false));
    expect(health.usable()).toEqual([]);
    health.probed(1, 33, 35, loner(1, source(9), true));
    expect(health.usable()).toEqual([1]);
  });

  it('when an old source comes back writable beside the promoted one, the one in use is kept', () => {
    const health = new Health(2, MAX_LAG);
    health.probeFailed(0, 10, 12, 'refused', true);
    health.probed(1, 13, 15, loner(1, `${source(9)},${uuids[1]}:1-3`, true));
    expect(health.usable()).toEqual([1]);
    // It even has what never reached the other.
    health.probed(0, 20, 22, loner(0, source(12), true));
    health.probed(1, 23, 25, loner(1, `${source(9)},${uuids[1]}:1-4`, true));
    expect(health.usable()).toEqual([1]);
  });

  it('of two writable servers at start the one that has all of the other is taken; when they have diverged, none', () => {
    const ahead = new Health(2, MAX_LAG);
    const forked = new Health(2, MAX_LAG);
    for (const at of [10, 20]) {
      ahead.probed(0, at, at + 1, loner(0, source(9), true));
      ahead.probed(1, at, at + 1, loner(1, `${source(9)},${uuids[1]}:1`, true));
      forked.probed(0, at, at + 1, loner(0, source(9), true));
      forked.probed(1, at, at + 1, loner(1, `${source(8)},${uuids[1]}:1`, true));
    }
    expect(ahead.usable()).toEqual([1]);
    expect(forked.usable()).toEqual([]);
  });
});
