// One server leads and writes, the others follow and send it their writes; when it is gone, the next in order leads.
import { setTimeout as sleep } from 'node:timers/promises';
import type { CatchUp } from './catch-up.js';
import { Confirmation, NotLeadingError } from './confirmation.js';
import type { Copies } from './copies.js';
import { sendWrite, type Direction } from './direction.js';
import type { Electorate } from './electorate.js';
import { impatientClock } from './lease.js';
import { Leadership, type LeaseAnswer, type LeaseRequest, type Voter } from './leadership.js';
import type { Membership } from './membership.js';
import { asLeaseAnswer, type Entry, type Hello, type Replication, type Write, type WriteAnswer } from './messages.js';
import type { SyncTimings } from './options.js';
import { PeerRefusalError } from './peer-connection.js';
import type { PeerLink } from './peer-link.js';
import type { Writer } from './writer.js';

const TICK_MS = 50;
/** How often a write looks for a leader while there is none. Milliseconds. */
const LOOK_MS = 10;
/** How much later than the clock of now a leader may stamp under one promise. Longer than a lease. Milliseconds. */
const STAMPS_AHEAD_MS = 2000;
/** A server that comes before the leader has to be there for so long before it takes over again. Milliseconds. */
const BACK_FOR_MS = 2000;
const MOST_BACK_FOR_MS = 300_000;

/** How often a leader tries again to have confirmed what too few servers have taken. Milliseconds. */
const RETRY_MS = 500;

export interface SuccessionOptions {
  readonly instance: string;
  /** Whether an earlier server in the order leads again when it is back. */
  readonly takesBack: boolean;
  readonly timings: SyncTimings;
  /** Whether this server holds what the others have acknowledged, as far as it can tell. */
  readonly isReady: () => boolean;
  readonly onLead: (leads: boolean) => void;
}

export class Succession implements Direction {
  readonly confirmation: Confirmation;
  private readonly leadership: Leadership;
  /** Set right after it is made: a writer commits by this. */
  writer!: Writer;
  private readonly timer: NodeJS.Timeout;
  /** Since when a server that comes before this one could lead. */
  private earlierSince: number | undefined;
  private backFor = BACK_FOR_MS;
  private ledLast = false;
  private retriedAt = 0;

  constructor(
    private readonly options: SuccessionOptions,
    private readonly electorate: Electorate,
    private readonly copies: Copies,
    private readonly membership: Membership,
    private readonly catchUp: CatchUp,
    spread: (entry: Entry, toAll: boolean, term: number) => Promise<void>,
  ) {
    const { instance, timings } = options;
    this.leadership = new Leadership(instance, this.site(), timings, impatientClock(), () => performance.now());
    this.confirmation = new Confirmation(this.leadership, copies, spread);
    this.timer = setInterval(() => this.tick(), TICK_MS).unref();
  }

  /** The name of the server that leads, as far as this one knows. */
  leader(serverName: string): string | undefined {
    const leader = this.leadership.leader();
    return leader === this.options.instance ? serverName : this.linkTo(leader)?.peer?.name;
  }

  /** Gives the lead to the next one. */
  async close(): Promise<void> {
    clearInterval(this.timer);
    await Promise.race([this.leadership.resign(), sleep(this.options.timings.ackWithin, undefined, { ref: false })]);
    this.confirmation.rollBack();
  }

  // --- writes

  /** Waits while no server leads, and repeats what a leader that is gone has not answered. @throws StoreUnavailableError */
  async write<W extends Write>(write: W): Promise<WriteAnswer<W>> {
    const end = performance.now() + this.options.timings.failover;
    for (;;) {
      const answer = await this.attempt(write);
      if (answer !== undefined) return answer;
      if (performance.now() > end)
        throw this.copies.unavailable(
          'No server leads: changes are possible when a majority of the servers is connected.',
        );
      await sleep(LOOK_MS);
    }
  }

  async accept<W extends Write>(write: W): Promise<WriteAnswer<W>> {
    if (this.leadership.term() === undefined) throw new NotLeadingError();
    return this.writer.perform(write);
  }

  /** Undefined when no server has answered that leads: repeated, a write counts once. */
  private async attempt<W extends Write>(write: W): Promise<WriteAnswer<W> | undefined> {
    if (this.leadership.term() === undefined) {
      const link = this.linkTo(this.leadership.leader());
      return link && this.forward(link, write);
    }
    try {
      return await this.writer.perform(write);
    } catch (error) {
      if (error instanceof NotLeadingError) return undefined;
      throw error;
    }
  }

  private async forward<W extends Write>(link: PeerLink, write: W): Promise<WriteAnswer<W> | undefined> {
    try {
      return await sendWrite(link, write, this.options.timings);
    } catch (error) {
      const isFinal = error instanceof PeerRefusalError && error.message !== NotLeadingError.text;
      if (isFinal) throw this.copies.unavailable(error.message);
      return undefined;
    }
  }

  private linkTo(instance: string | undefined): PeerLink | undefined {
    return instance === undefined
      ? undefined
      : this.membership.reachable.find(({ peer }) => peer?.instance === instance);
  }

  // --- leading

  /** A peer asks for the lease, leads by it, or gives it back. */
  answer({ instance }: Hello, request: LeaseRequest): LeaseAnswer {
    return this.leadership.answer(instance, request);
  }

  /**
   * Takes what a leader has written. A leader that was replaced may not know of it: it is refused, and asked for all that
   * this server may have missed. @throws NotLeadingError
   */
  follow({ instance }: Hello, { term, entries }: Replication): void {
    if (!this.leadership.isObeyed(instance, term)) {
      this.membership.links.find(({ peer }) => peer?.instance === instance)?.suspect();
      throw new NotLeadingError();
    }
    this.copies.take(entries);
  }

  private tick(): void {
    const now = performance.now();
    const isEarlierThere = this.electorate.earlier().some(({ current, serving }) => current && serving);
    this.earlierSince = isEarlierThere ? (this.earlierSince ?? now) : undefined;
    this.leadership.tick();
    const leader = this.leadership.leader();
    const leads = leader === this.options.instance;
    if (leader !== undefined && !leads) this.backFor = BACK_FOR_MS;
    if (leads && now - this.retriedAt > RETRY_MS) {
      this.retriedAt = now;
      this.confirmation.retry();
    }
    if (leads !== this.ledLast) this.options.onLead(leads);
    this.ledLast = leads;
  }

  /** An earlier server that cannot win is given way to less and less often. */
  private shouldResign(): boolean {
    const isBack = this.earlierSince !== undefined && performance.now() - this.earlierSince > this.backFor;
    if (!this.options.takesBack || !isBack) return false;
    this.earlierSince = undefined;
    this.backFor = Math.min(2 * this.backFor, MOST_BACK_FOR_MS);
    return true;
  }

  private site() {
    const { electorate, options, membership } = this;
    return {
      peers: () =>
        membership.reachable.map((link): Voter => ({
          instance: link.peer!.instance,
          hasVote: electorate.hasVote(link),
        })),
      quorum: () => electorate.quorum,
      rank: () => {
        const canLead = electorate.place !== undefined && electorate.voters().length + 1 >= electorate.quorum;
        return canLead ? electorate.earlier().length : undefined;
      },
      shouldResign: () => this.shouldResign(),
      isReady: options.isReady,
      ask: async ({ instance }: Voter, request: LeaseRequest) => {
        const link = this.linkTo(instance);
        if (!link) throw new Error('The peer is not connected.');
        return asLeaseAnswer(await link.send('lease', JSON.stringify(request), options.timings.deadAfter));
      },
      takeOver: (voters: readonly string[]) => this.takeOver(voters),
      ceiling: () => this.copies.clock.ahead(STAMPS_AHEAD_MS),
      witness: (moment: string) => this.copies.clock.witness(moment),
      onStop: () => this.onStop(),
      settled: () => this.confirmation.settled(),
    };
  }

  /** What was taken back, and others have, is to come again before anybody reads here. */
  private onStop(): void {
    if (this.confirmation.rollBack() === 0) return;
    this.writer.countAnew();
    for (const link of this.membership.members) link.suspect();
  }

  private async takeOver(voters: readonly string[]): Promise<string[]> {
    const given: string[] = [];
    const all = voters.map(async (voter) => {
      const link = this.linkTo(voter);
      if (link && (await this.catchUp.compareNow(link).catch(() => false))) given.push(voter);
    });
    await Promise.race([Promise.all(all), sleep(this.options.timings.lease / 2, undefined, { ref: false })]);
    return [...given];
  }
}
