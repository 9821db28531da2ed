// The starter rule: who may start a group, who may join, and for whom is waited.
import { describe, expect, it } from '@jest/globals';
import { GtidSet } from '../gtid.js';
import type { MemberState, Observation } from './node.js';
import { decide, type Decision } from './rule.js';

const SOURCE = 'aaaaaaaa-0000-4000-8000-000000000001';
const uuidOf = (name: string) => `00000000-0000-4000-8000-${name.padStart(12, '0')}`;

function node(
  name: string,
  state: MemberState,
  transactions = '1-10',
  members: Readonly<Record<string, MemberState>> = {},
): Observation {
  return {
    node: { name, host: name, port: 3306 },
    answer: {
      uuid: uuidOf(name),
      state,
      superReadOnly: true,
      groupAddress: `${name}:33061`,
      transactions: GtidSet.parse(transactions && `${SOURCE}:${transactions}`),
      members: new Map(Object.entries(members).map(([member, memberState]) => [uuidOf(member), memberState])),
    },
  };
}

function silent(name: string): Observation {
  return { node: { name, host: name, port: 3306 }, failure: 'connect ECONNREFUSED' };
}

const both = { '1': 'ONLINE', '2': 'ONLINE' } as const;

const reasons = (decision: Decision) => decision.waiting.map(({ reason }) => reason);

describe('starting a group', () => {
  it('starts on the node that has everything, wherever it stands in the list', () => {
    const decision = decide([node('1', 'OFFLINE', '1-9'), node('2', 'OFFLINE', '1-10'), node('3', 'ERROR', '1-4:6')]);
    expect(decision).toMatchObject({ bootstrap: { name: '2' }, join: [], waiting: [] });
  });

  it('starts on the same node whatever the order, when several have everything', () => {
    const nodes = [node('2', 'OFFLINE'), node('3', 'OFFLINE'), node('1', 'OFFLINE')];
    expect(decide(nodes).bootstrap?.name).toBe('1');
    expect(decide([...nodes].reverse()).bootstrap?.name).toBe('1');
  });

  it('waits while one node has not answered, and says for whom', () => {
    const decision = decide([node('1', 'OFFLINE'), silent('2'), node('3', 'OFFLINE')]);
    expect(decision.bootstrap).toBeUndefined();
    expect(decision.join).toEqual([]);
    expect(reasons(decision)).toEqual(['2 does not answer (connect ECONNREFUSED)']);
  });

  it('waits for an operator when each of two nodes has what the other lacks', () => {
    const decision = decide([node('1', 'OFFLINE', '1-10'), node('2', 'OFFLINE', '1-9:11')]);
    expect(decision.bootstrap).toBeUndefined();
    expect(reasons(decision)[0]).toMatch(/operator.*1 has .*:1-10; 2 has .*:1-9:11/);
  });

  it('does not start a second group beside one that is recovering', () => {
    const decision = decide([node('1', 'RECOVERING'), node('2', 'OFFLINE')]);
    expect(decision.bootstrap).toBeUndefined();
    expect(reasons(decision)[0]).toContain('1 is RECOVERING');
  });
});

describe('joining a group', () => {
  it('joins nodes that are out of it, also while another does not answer', () => {
    const decision = decide([node('1', 'ONLINE', '1-10', { '1': 'ONLINE' }), node('2', 'ERROR', '1-5'), silent('3')]);
    expect(decision).toMatchObject({ join: [{ name: '2' }] });
    expect(decision.bootstrap).toBeUndefined();
    expect(reasons(decision)).toEqual(['3 does not answer (connect ECONNREFUSED)']);
  });

  it('leaves a complete group alone', () => {
    expect(decide([node('1', 'ONLINE', '', both), node('2', 'ONLINE', '', both)])).toEqual({ join: [], waiting: [] });
  });

  it('waits until the group has let go of the node as it was before', () => {
    const members = { ...both, '3': 'UNREACHABLE' } as const;
    const decision = decide([
      node('1', 'ONLINE', '1-10', members),
      node('2', 'ONLINE', '1-10', members),
      node('3', 'OFFLINE'),
    ]);
    expect(decision.join).toEqual([]);
    expect(reasons(decision)[0]).toContain('3 is still listed');
  });

  it('does not join a node that has transactions of its own', () => {
    const decision = decide([node('1', 'ONLINE', '1-10', { '1': 'ONLINE' }), node('2', 'OFFLINE', '1-11')]);
    expect(decision.join).toEqual([]);
    expect(reasons(decision)[0]).toContain('2 has transactions that the group lacks');
  });

  it('does nothing where the group has lost its majority', () => {
    const members = { '1': 'ONLINE', '2': 'UNREACHABLE', '3': 'UNREACHABLE' } as const;
    const decision = decide([node('1', 'ONLINE', '1-10', members), node('2', 'OFFLINE'), node('3', 'OFFLINE')]);
    expect(decision.bootstrap).toBeUndefined();
    expect(decision.join).toEqual([]);
    expect(reasons(decision)).toEqual(['the group of 1 has lost its majority']);
  });

  it('does nothing where two groups are found', () => {
    const decision = decide([
      node('1', 'ONLINE', '1-10', { '1': 'ONLINE' }),
      node('2', 'ONLINE', '1-10', { '2': 'ONLINE' }),
      node('3', 'OFFLINE'),
    ]);
    expect(decision.join).toEqual([]);
    expect(reasons(decision)[0]).toContain('1, 2 are ONLINE in different groups');
  });
});
