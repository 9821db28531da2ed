// Which nodes may be used: a state machine over what probes and statements have shown. Pure; times are given to it.
import type { GtidSet } from './gtid.js';
import type { NodeReport } from './probe.js';

/** A good report and when it was taken; times are the deadline clock's milliseconds. */
interface Look {
  readonly begunAt: number;
  readonly at: number;
  readonly report: NodeReport;
}

/** What is known of one node. */
export interface NodeHealth {
  /** When the last probe that has ended, well or not, had begun; -1 before the first. */
  readonly concluded: number;
  /** When the last probe that was answered had begun; -1 before the first. */
  readonly answered: number;
  /** False until the first answer, and while it cannot be reached. */
  readonly reachable: boolean;
  /** Passed over since this moment (nothing known before it counts); undefined while it may be used. */
  readonly fencedSince: number | undefined;
  /** Why it is passed over. */
  readonly reason: string | undefined;
  /** Its latest account of itself. */
  readonly report: NodeReport | undefined;
  readonly lagMs: number | undefined;
}

type State = { -readonly [K in keyof NodeHealth]: NodeHealth[K] } & {
  /** Its good reports of the last `HISTORY_MS`, oldest first; none after a bad one. */
  looks: Look[];
  /** Its last good report, also when it has died or turned bad since. */
  last: NodeReport | undefined;
};

const HISTORY_MS = 60_000;

/**
 * The rules:
 * - A node that missed a deadline, was lost or stood read-only unexpectedly is fenced at once.
 * - It comes back when a probe begun after that moment finds it ONLINE with a majority in its own view, and it has
 *   executed everything that the other nodes of its group are known to have executed, also by what was written there
 *   since they were looked at; one must have said after that moment that it sees it as ONLINE. (A node that was frozen and
 *   thaws answers old data for seconds, still saying ONLINE.)
 * - What a node had executed still counts when it has died, for those that it measured: what they have received of it and
 *   not applied keeps them out. What they have not received may be lost for good, and nobody waits for that: a node that
 *   has applied all that it received has the most that can be had. That is why there is no limit of time.
 * - A replica whose source is gone must have what the replicas have that are read meanwhile. When they die too, it need not.
 * - When no other node answers, it comes back alone: in a group only with a majority in its own view.
 * - A node that has not executed what another had executed `maxLagMs` ago is fenced.
 * - In the beginning, and after this process itself stood still, every node is fenced.
 * - Writable nodes that do not replicate in one group are a fork of the data in the making: the one in use is kept,
 *   else the one that has executed all that the others have is taken, else none.
 */
export class Health {
  private readonly states: State[];
  private chosen: readonly State[] = [];

  constructor(
    size: number,
    private readonly maxLagMs: number,
  ) {
    this.states = Array.from({ length: size }, () => ({
      reachable: false,
      fencedSince: 0,
      reason: 'it has not answered yet',
      report: undefined,
      lagMs: undefined,
      looks: [],
      last: undefined,
      concluded: -1,
      answered: -1,
    }));
  }

  of(node: number): NodeHealth {
    return this.state(node);
  }

  /** True when a look at the node that began after this moment has been answered, and none has failed since. */
  hasAnsweredSince(node: number, moment: number): boolean {
    const { reachable, answered, concluded } = this.state(node);
    return reachable && answered > moment && answered >= concluded;
  }

  /** The node did not answer in time, or its connection was lost: pass over it until it has proved itself. */
  missed(node: number, at: number, reason: string): void {
    this.fence(this.state(node), at, reason);
  }

  /** A probe begun at `begunAt` failed. `unreachable` when the node refused it, false when it only was too slow. */
  probeFailed(node: number, begunAt: number, at: number, reason: string, unreachable: boolean): void {
    const state = this.state(node);
    state.concluded = begunAt;
    if (unreachable) {
      state.reachable = false;
      state.lagMs = undefined;
    }
    this.fence(state, at, reason);
  }

  /** This process stood still until `at`: nothing that it knows holds any more. */
  stalled(at: number): void {
    for (const state of this.states)
      this.fence(
        state,
        at,
        state.fencedSince === undefined ? 'this process was paused: the node is checked again' : state.reason,
      );
  }

  /** A probe begun at `begunAt` was answered. */
  probed(node: number, begunAt: number, at: number, report: NodeReport): void {
    const state = this.state(node);
    state.reachable = true;
    state.report = report;
    state.concluded = begunAt;
    state.answered = begunAt;
    const fault = faultOf(report);
    if (fault !== undefined) {
      state.looks = [];
      state.lagMs = undefined;
      return this.fence(state, at, fault);
    }
    while (state.looks.length > 0 && state.looks[0].at < at - HISTORY_MS) state.looks.shift();
    const newest = state.looks.at(-1);
    // Asked before it said of a write that it had executed it: it has that, whatever this answer says.
    const isOlder = newest && begunAt < newest.at && newest.report.uuid === report.uuid;
    state.last = isOlder ? { ...report, executed: report.executed.union(newest.report.executed) } : report;
    state.looks.push({ begunAt, at, report: state.last });

    state.lagMs = this.lagOf(state, begunAt);
    if (state.lagMs > this.maxLagMs)
      return this.fence(
        state,
        at,
        `it is ${Math.round(state.lagMs)} ms behind the other nodes, more than ${this.maxLagMs} ms`,
      );
    if (state.fencedSince !== undefined && begunAt > state.fencedSince) {
      state.reason = this.missingProof(state, begunAt);
      if (state.reason === undefined) state.fencedSince = undefined;
    }
    this.choose();
  }

  /** The node has executed these transactions by `at`, as it says itself: no node comes back without them. */
  executed(node: number, at: number, gtids: GtidSet): void {
    const state = this.state(node);
    if (!state.last) return;
    state.last = { ...state.last, executed: state.last.executed.union(gtids) };
    const newest = state.looks.at(-1);
    if (newest) state.looks.push({ ...newest, at, report: state.last });
  }

  /** The nodes that take reads and writes now. */
  usable(): number[] {
    return this.chosen.map((state) => this.states.indexOf(state));
  }

  /** The nodes that may be read when none may be written: nothing is known against them but that they take no writes. */
  readable(): number[] {
    const readable = this.states.filter(({ fencedSince, report }) => fencedSince === undefined && report);
    return readable.map((state) => this.states.indexOf(state));
  }

  private choose(): void {
    const proved = this.states.filter((state) => state.fencedSince === undefined && state.report?.writable);
    // One that has not proved itself yet counts here too, lest the first to do so wins a fork.
    const writable = this.states.filter(
      (state) => proved.includes(state) || (isAnswering(state) && state.report?.writable),
    );
    const areOne = writable.every((state) => writable.every((other) => other === state || areMates(state, other)));
    if (areOne) {
      this.chosen = proved;
      return;
    }
    const kept = proved.filter((state) => this.chosen.includes(state));
    const leaders = kept.length > 0 ? kept : writable.filter((state) => writable.every((other) => leads(state, other)));
    this.chosen = proved.filter((state) => leaders.some((leader) => leader === state || areMates(leader, state)));
  }

  private fence(state: State, at: number, reason: string | undefined): void {
    state.fencedSince = Math.max(at, state.fencedSince ?? at);
    state.reason = reason;
    this.choose();
  }

  /** By how much it is behind the others: the age of the oldest transaction, as far as seen, that it has not executed. */
  private lagOf(state: State, begunAt: number): number {
    let lag = 0;
    for (const other of this.peersOf(state)) {
      // Backward from the newest look that was over when this node was asked, to the last that it has all of.
      for (let i = other.looks.length - 1; i >= 0; i--) {
        const look = other.looks[i];
        if (look.at > begunAt) continue;
        if (state.report!.executed.contains(look.report.executed)) break;
        lag = Math.max(lag, begunAt - look.at);
      }
    }
    return lag;
  }

  /** Why a fenced node that answers well may not come back yet; undefined when it may. */
  private missingProof(state: State, begunAt: number): string | undefined {
    const since = state.fencedSince!;
    const report = state.report!;
    const peers = this.peersOf(state);
    for (const other of this.states) {
      const { last } = other;
      if (other === state || !last || !areMates(state, { report: last })) continue;
      const isMissing = isAnswering(other)
        ? !report.executed.contains(last.executed)
        : report.pending.overlaps(last.executed);
      if (isMissing) return 'it is catching up with the other nodes';
    }
    let witnesses = 0;
    for (const peer of peers) {
      const look = peer.looks.findLast((each) => each.at <= begunAt);
      if (look === undefined || look.begunAt <= since) continue;
      witnesses++;
      if (!report.executed.contains(look.report.executed)) return 'it is catching up with the other nodes';
      const seen = look.report.group?.find((member) => member.uuid === report.uuid);
      if (report.group && seen?.state !== 'ONLINE')
        return `the other nodes list it as ${seen?.state ?? 'no member of the group'}`;
    }
    if (witnesses > 0) return undefined;
    if (peers.length === 0 && isReplica(report))
      for (const { fencedSince, last } of this.states)
        if (fencedSince === undefined && isReplica(last) && !report.executed.contains(last.executed))
          return 'it is catching up with the other nodes';
    // Nobody vouches for it yet: alone it may come back only when all others have been asked and cannot answer.
    const others = this.states.filter((other) => other !== state && couldVouch(state, other));
    const allAsked = others.every((other) => other.concluded > since && !(peers.includes(other) && isAnswering(other)));
    return allAsked ? undefined : 'no other node has confirmed yet that it is ONLINE';
  }

  /** The other nodes whose transactions this one must have, as far as they are well. */
  private peersOf(state: State): State[] {
    return this.states.filter(
      (other) => other !== state && other.reachable && other.looks.length > 0 && areMates(state, other),
    );
  }

  private state(node: number): State {
    const state = this.states[node];
    if (!state) throw new RangeError(`no node has the index ${node}: there are ${this.states.length}`);
    return state;
  }
}

/** Why a node's own report forbids its use; undefined when nothing does. */
function faultOf(report: NodeReport): string | undefined {
  const { group, uuid } = report;
  if (!group) return undefined;
  const self = group.find((member) => member.uuid === uuid);
  if (self?.state !== 'ONLINE') return `its state in the group is ${self?.state ?? 'OFFLINE'}`;
  const present = group.filter(({ state }) => state === 'ONLINE' || state === 'RECOVERING').length;
  return present * 2 > group.length ? undefined : 'it cannot reach a majority of its group';
}

/** True when the last probe of the node that has ended was answered, and well. */
function isAnswering({ looks, concluded }: State): boolean {
  return looks.at(-1)?.begunAt === concluded;
}

/** True when `state` is to be measured by `other`: one lists the other as a member of its group. */
function areMates(state: Pick<State, 'report'>, other: Pick<State, 'report'>): boolean {
  const [mine, theirs] = [state.report, other.report];
  if (!mine || !theirs) return false;
  // Outside a group a replica is measured by what accepts writes.
  if (!mine.group) return !theirs.group && theirs.writable && !mine.writable;
  return lists(mine, theirs.uuid) || lists(theirs, mine.uuid);
}

function isReplica(report: NodeReport | undefined): report is NodeReport {
  return report !== undefined && !report.group && !report.writable;
}

function lists(report: NodeReport, uuid: string): boolean {
  return report.group?.some((member) => member.uuid === uuid) ?? false;
}

/** True when `state` has all that `other` has, and more, or shares a group with it. */
function leads(state: State, other: State): boolean {
  if (state === other || areMates(state, other)) return true;
  const [mine, theirs] = [state.report!.executed, other.report!.executed];
  return mine.contains(theirs) && !theirs.contains(mine);
}

/** True unless it is known to be a replica outside the group, whose word does not matter to a source. */
function couldVouch(state: State, other: State): boolean {
  const [mine, theirs] = [state.report, other.report];
  return !(mine && theirs && !mine.group && mine.writable && !theirs.writable);
}
