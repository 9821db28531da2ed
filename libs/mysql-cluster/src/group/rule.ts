// The rule by which a group is started and joined. It never splits a group and never drops a transaction.
import { GtidSet } from '../gtid.js';
import { nameOf, type GroupNode, type NodeAnswer, type Observation } from './node.js';

/** What may be done now. At most one of `bootstrap` and `join` is filled. */
export interface Decision {
  /** The node that starts the group. */
  readonly bootstrap?: GroupNode;
  /** Nodes that join the group that is ONLINE. */
  readonly join: readonly GroupNode[];
  /** For whom or what is waited; empty when every node is ONLINE or may act. */
  readonly waiting: readonly Waiting[];
}

export interface Waiting {
  /** The node for which is waited; undefined where it is for all. */
  readonly node?: GroupNode;
  /** One sentence, names included. */
  readonly reason: string;
}

interface Answered {
  readonly node: GroupNode;
  readonly answer: NodeAnswer;
}

/**
 * A group is started only when every configured node has answered, none is ONLINE (or on its way there), and the
 * starter's executed and received transactions contain everyone's. While a group is ONLINE, the others join it.
 * The same observations give the same decision everywhere; that two keepers do not start two groups by observations of
 * different moments is for the keepers to see to.
 */
export function decide(observations: readonly Observation[]): Decision {
  const answered: Answered[] = [];
  const waiting: Waiting[] = [];
  for (const { node, answer, failure } of observations) {
    if (answer) answered.push({ node, answer });
    else waiting.push({ node, reason: `${nameOf(node)} does not answer (${failure ?? 'unknown reason'})` });
  }
  const online = answered.filter(({ answer }) => answer.state === 'ONLINE');
  if (online.length > 0) return joinOnline(answered, online, waiting);

  const recovering = answered.filter(({ answer }) => answer.state === 'RECOVERING');
  for (const { node } of recovering)
    waiting.push({ node, reason: `${nameOf(node)} is RECOVERING and may belong to a running group` });
  if (waiting.length > 0) return { join: [], waiting };

  const all = answered.reduce((sum, { answer }) => sum.union(answer.transactions), GtidSet.empty);
  const [starter] = answered
    .filter(({ answer }) => answer.transactions.contains(all))
    .sort((a, b) => (a.answer.uuid < b.answer.uuid ? -1 : 1));
  if (starter) return { bootstrap: starter.node, join: [], waiting: [] };
  const sets = answered.map(({ node, answer }) => `${nameOf(node)} has ${answer.transactions.toString() || 'none'}`);
  return {
    join: [],
    waiting: [
      {
        reason: `the group cannot start: no node has all transactions, so an operator must choose one: ${sets.join('; ')}`,
      },
    ],
  };
}

function joinOnline(answered: readonly Answered[], online: readonly Answered[], waiting: Waiting[]): Decision {
  const names = (some: readonly Answered[]) => some.map(({ node }) => nameOf(node)).join(', ');
  const split = online.some(({ answer }) => online.some((other) => !answer.members.has(other.answer.uuid)));
  // Also true for a moment while a view changes; the next look tells.
  if (split)
    return {
      join: [],
      waiting: [
        ...waiting,
        { reason: `${names(online)} are ONLINE in different groups: if this lasts, stop all groups but one` },
      ],
    };
  const able = online.filter(({ answer }) => hasMajority(answer));
  const others = answered.filter(({ answer }) => answer.state !== 'ONLINE');
  if (able.length === 0) {
    if (others.length > 0) waiting.push({ reason: `the group of ${names(online)} has lost its majority` });
    return { join: [], waiting };
  }
  const known = online.reduce((sum, { answer }) => sum.union(answer.transactions), GtidSet.empty);
  const join: GroupNode[] = [];
  for (const { node, answer } of others) {
    const wait = (what: string) => waiting.push({ node, reason: `${nameOf(node)} ${what}` });
    if (answer.state === 'RECOVERING') wait('is catching up with the group');
    else if (online.some((member) => member.answer.members.has(answer.uuid)))
      wait('is still listed as a member: waiting until the group expels it');
    else if (!known.contains(answer.transactions))
      wait('has transactions that the group lacks: an operator must rebuild it');
    else join.push(node);
  }
  return { join, waiting };
}

function hasMajority({ members }: NodeAnswer): boolean {
  const reachable = [...members.values()].filter((state) => state === 'ONLINE' || state === 'RECOVERING').length;
  return reachable * 2 > members.size;
}
