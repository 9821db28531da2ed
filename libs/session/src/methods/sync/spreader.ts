// Sends a change to all peers, and waits until enough of them hold it.
import { setTimeout as sleep } from 'node:timers/promises';
import { StoreUnavailableError } from '../../core/errors.js';
import type { CutOff } from './cut-off.js';
import type { Electorate } from './electorate.js';
import type { Membership } from './membership.js';
import type { Entry } from './messages.js';
import type { SyncTimings } from './options.js';
import { PeerRefusalError } from './peer-connection.js';
import type { PeerLink } from './peer-link.js';

/** How many peers must confirm a change before it is acknowledged. */
export interface AckRule {
  needed(): number;
  isCounted(link: PeerLink): boolean;
  /** Why this is too few; undefined where it is not, or where the last server goes on alone. */
  shortage(confirmed: number): string | undefined;
}

/** So many peers, and fewer where fewer are reachable. */
export function atLeast(count: number): AckRule {
  return { needed: () => count, isCounted: () => true, shortage: () => undefined };
}

/** More than half of all servers. */
export function majorityOf(membership: Membership): AckRule {
  const needed = () => Math.floor((membership.members.length + 1) / 2);
  const shortage = (confirmed: number) => {
    const { members, unresolved } = membership;
    if (unresolved.length > 0) return `${unresolved.join(', ')} has not told who the others are: no majority.`;
    return confirmed < needed() ? `${confirmed + 1} of ${members.length + 1} servers have it: no majority.` : undefined;
  };
  return { needed, isCounted: () => true, shortage };
}

/** More than half of the servers that vote on which one leads. */
export function majorityOfVoters(electorate: Electorate): AckRule {
  const needed = () => electorate.quorum - 1;
  return {
    needed,
    isCounted: (link) => electorate.hasVote(link),
    shortage: (confirmed) =>
      confirmed < needed() ? `${confirmed + 1} of ${electorate.size} servers have it: no majority.` : undefined,
  };
}

export class Spreader {
  constructor(
    private readonly membership: Membership,
    private readonly cutOff: CutOff,
    private readonly timings: SyncTimings,
    private readonly rule: AckRule,
  ) {}

  /**
   * Waits until enough peers have confirmed the change, and a little for the others; with `toAll` for every reachable
   * one. A peer that does not confirm in time is dropped: it catches up before it counts again.
   * @param term of the leader that has written it, where one leads
   * @throws StoreUnavailableError when too few have confirmed it
   */
  async spread(entry: Entry, toAll: boolean, term?: number): Promise<void> {
    const { confirmed, refusal } = await this.send(entry, toAll, term);
    const shortage = this.rule.shortage(confirmed);
    if (confirmed < this.rule.needed()) {
      await this.assertNotCutOff();
      if (refusal !== undefined) throw new StoreUnavailableError(refusal);
    }
    if (shortage !== undefined) throw new StoreUnavailableError(shortage);
  }

  /** Returns how many have confirmed it, and why one has refused it. */
  private async send(entry: Entry, toAll: boolean, term: number | undefined) {
    const needed = this.rule.needed();
    const entries = `[${JSON.stringify(entry)}]`;
    const [request, body] =
      term === undefined
        ? (['put', entries] as const)
        : (['replicate', `{"term":${term},"entries":${entries}}`] as const);
    const outcome = { confirmed: 0, refusal: undefined as string | undefined };
    let enough!: () => void;
    const isEnough = new Promise<void>((resolve) => (enough = resolve));
    const all = Promise.all(
      this.membership.reachable.map(async (link) => {
        try {
          await link.send(request, body, this.timings.ackWithin);
          if (this.rule.isCounted(link) && ++outcome.confirmed >= needed) enough();
        } catch (error) {
          if (error instanceof PeerRefusalError) outcome.refusal ??= error.message;
        }
      }),
    );
    if (toAll) await all;
    else if (needed > 0) {
      await Promise.race([all, isEnough]);
      await Promise.race([all, sleep(this.timings.settle, undefined, { ref: false })]);
    }
    return outcome;
  }

  /** Asks again while all peers are silent: a server that was cut off must not acknowledge what only it has. */
  private async assertNotCutOff(): Promise<void> {
    await this.cutOff.look();
    if (this.cutOff.isCutOff)
      throw new StoreUnavailableError('This server is cut off from all others, so it cannot confirm a change.');
  }
}
