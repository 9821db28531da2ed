// Whether a node alone takes no writes, or the whole group waits for one of its members.
import { firstAttemptMs } from './budget.js';
import type { DeadlineClock } from './deadline-clock.js';
import type { Health } from './health.js';
import type { ClusterNode } from './node.js';
import type { NodeSetOptions } from './node-set.js';
import type { WatchedNode } from './watched-node.js';

/** Milliseconds by which a node may be later than another one while both are well, as after a pause of their group. */
const LATER_MS = 150;
/** So many moments are kept of each node's writes, this many milliseconds apart or more. */
const MOMENTS = 40;
const APART_MS = 50;

export class Stuck {
  /** When each node last took a write of this server's, by its index. */
  private readonly wroteAt: number[] = [];
  /** Some of the moments at which each has taken one, the latest last. */
  private readonly moments: number[][];

  constructor(
    private readonly clock: DeadlineClock,
    private readonly health: Health,
    private readonly members: readonly WatchedNode[],
    private readonly options: NodeSetOptions,
  ) {
    this.moments = members.map(() => []);
  }

  /** The node has taken a write. */
  wrote({ index }: ClusterNode): void {
    const now = this.clock.now();
    this.wroteAt[index] = now;
    const moments = this.moments[index];
    if (moments.length > 0 && now - moments[moments.length - 1] < APART_MS) return;
    moments.push(now);
    if (moments.length > MOMENTS) moments.shift();
  }

  /** Asks the nodes of a group whether they agree: evidence, also while nobody writes on the others. */
  ask(): void {
    for (const { index, agreement } of this.members) if (this.isInGroup(index)) agreement.ask();
  }

  isInGroup(index: number): boolean {
    const { reachable, report } = this.health.of(index);
    return reachable && report?.group !== undefined;
  }

  /**
   * Whether a write on the node waits for the node alone: it answers nothing that it is asked, takes no write while others
   * do (its disk is full), or does not agree with its group while others do (it was cut off them). Otherwise the whole
   * group waits for a member, or the write for a lock.
   */
  isStuck(node: ClusterNode, since: number, usable: readonly ClusterNode[]): boolean {
    if (!this.health.hasAnsweredSince(node.index, since)) return true;
    if ((this.wroteAt[node.index] ?? -1) > since) return false;
    const enough = this.clock.now() - LATER_MS;
    const others = usable.filter((other) => other !== node);
    if (others.some(({ index }) => this.moments[index].some((at) => at > since && at <= enough))) return true;
    const { pendingSince } = this.members[node.index].agreement;
    if (pendingSince === undefined) return false;
    return others.some(({ index }) => {
      const { answeredAt } = this.members[index].agreement;
      return answeredAt >= pendingSince && answeredAt <= enough;
    });
  }

  /**
   * Whether a statement that got no answer for so long speaks against the node. To pass over one healthy node after
   * the other, while they wait for a member of their group or this server is slow itself, would make an outage of a pause.
   */
  isToBlame(node: ClusterNode, waitedMs: number, usable: readonly ClusterNode[]): boolean {
    const { readTimeoutMs, writeTimeoutMs } = this.options;
    if (waitedMs < readTimeoutMs / 3) return false;
    const since = this.clock.now() - waitedMs;
    // What takes less time than a write's first attempt is a read, or did not have the time to show anything. What takes
    // far longer than any write is slow itself: that others take writes meanwhile does not show that the node takes none.
    const isWrite = waitedMs >= firstAttemptMs(writeTimeoutMs) && waitedMs < 2 * writeTimeoutMs;
    return isWrite ? this.isStuck(node, since, usable) : !this.health.hasAnsweredSince(node.index, since);
  }
}
