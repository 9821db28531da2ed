// Sends a change to all peers, and waits until enough of them hold it.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Copies } from './copies.js';
import type { CutOff } from './cut-off.js';
import type { Membership } from './membership.js';
import type { Entry } from './messages.js';
import type { SyncOptions, SyncTimings } from './options.js';
import { PeerRefusalError, type PeerLink } from './peer-link.js';

export class Spreader {
  constructor(
    private readonly copies: Copies,
    private readonly membership: Membership,
    private readonly cutOff: CutOff,
    private readonly timings: SyncTimings,
    private readonly acks: NonNullable<SyncOptions['acks']>,
  ) {}

  /**
   * Waits until enough peers have confirmed the change, and a little for the others; with `toAll` for every reachable
   * one. A peer that does not confirm in time is dropped: it catches up before it counts again.
   * @throws StoreUnavailableError when too few have confirmed it
   */
  async spread(entry: Entry, toAll = false): Promise<void> {
    const { acks } = this;
    const { members, reachable, unresolved } = this.membership;
    const needed = acks === 'majority' ? Math.floor((members.length + 1) / 2) : acks;
    const { confirmed, refusal } = await this.send(reachable, entry, needed, toAll);
    if (acks === 'majority' && unresolved.length > 0)
      throw this.copies.unavailable(`${unresolved.join(', ')} has not told who the others are: no majority.`);
    if (confirmed >= needed) return;
    await this.assertNotCutOff();
    if (refusal !== undefined) throw this.copies.unavailable(refusal);
    if (acks === 'majority')
      throw this.copies.unavailable(`${confirmed + 1} of ${members.length + 1} servers have it: no majority.`);
  }

  /** Returns how many have confirmed it, and why one has refused it. */
  private async send(links: readonly PeerLink[], entry: Entry, needed: number, toAll: boolean) {
    const body = `[${JSON.stringify(entry)}]`;
    const outcome = { confirmed: 0, refusal: undefined as string | undefined };
    let enough!: () => void;
    const isEnough = new Promise<void>((resolve) => (enough = resolve));
    const all = Promise.all(
      links.map(async (link) => {
        try {
          await link.send('put', body, this.timings.ackWithin);
          if (++outcome.confirmed >= needed) enough();
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

  /** Asks anew while all peers are silent: what nobody else has must not be acknowledged by a server that was cut off. */
  private async assertNotCutOff(): Promise<void> {
    await this.cutOff.look();
    if (this.cutOff.isCutOff) throw this.copies.unavailable('This server was cut off from all others.');
  }
}
