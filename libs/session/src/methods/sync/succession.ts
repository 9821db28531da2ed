// One server leads and writes, the others follow and send it their writes; when it is gone, the next in order leads.
import { setTimeout as sleep } from 'node:timers/promises';
import { StoreUnavailableError } from '../../core/errors.js';
import { Confirmation, NotLeadingError } from './confirmation.js';
import { sendWrite, type Direction } from './direction.js';
import { Electorate } from './electorate.js';
import { impatientClock } from './lease.js';
import { Leadership, type LeaseAnswer, type LeaseRequest, type Voter } from './leadership.js';
import { asLeaseAnswer, type Entry, type Hello, type Replication, type Write, type WriteAnswer } from './messages.js';
import { PeerRefusalError } from './peer-connection.js';
import type { PeerLink } from './peer-link.js';
import { majorityOfVoters, Spreader } from './spreader.js';
import type { SyncServer } from './sync-server.js';
import { Writer } from './writer.js';

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

/** What a server with successors needs of its parts. */
type Parts = Pick<
  SyncServer,
  'options' | 'instance' | 'timings' | 'copies' | 'membership' | 'reader' | 'cutOff' | 'catchUp' | 'mayVote' | 'emit'
>;

export class Succession implements Direction {
  readonly confirmation: Confirmation;
  private readonly electorate: Electorate;
  private readonly leadership: Leadership;
  private readonly writer: Writer;
  private readonly timer: NodeJS.Timeout;
  /** Since when a server that comes before this one could lead. */
  private earlierSince: number | undefined;
  private backFor = BACK_FOR_MS;
  private ledLast = false;
  private retriedAt = 0;

  /** @param order the names of the servers that may lead, the first one first */
  constructor(
    private readonly server: Parts,
    order: readonly string[],
  ) {
    const { options, instance, timings, copies, membership, reader, cutOff } = server;
    this.electorate = new Electorate(membership, order, options.serverName);
    const spreader = new Spreader(membership, cutOff, timings, majorityOfVoters(this.electorate));
    this.leadership = new Leadership(instance, this.site(), timings, impatientClock(), () => performance.now());
    this.confirmation = new Confirmation(this.leadership, copies, (...change) => spreader.spread(...change));
    const commit = (entry: Entry, toAll: boolean) => this.confirmation.commit(entry, toAll);
    this.writer = new Writer(copies, reader, membership, commit);
    this.timer = setInterval(() => this.tick(), TICK_MS).unref();
  }

  /** The name of the server that leads, as far as this one knows. */
  get leader(): string | undefined {
    const { instance, options, membership } = this.server;
    const leader = this.leadership.leader();
    return leader === instance ? options.serverName : membership.linkTo(leader)?.peer?.name;
  }

  /** Gives the lead to the next one. */
  async close(): Promise<void> {
    clearInterval(this.timer);
    await Promise.race([this.leadership.resign(), sleep(this.server.timings.ackWithin, undefined, { ref: false })]);
    this.confirmation.rollBack();
  }

  // --- writes

  /** Waits while no server leads, and repeats what a leader that is gone has not answered. @throws StoreUnavailableError */
  async write<W extends Write>(write: W): Promise<WriteAnswer<W>> {
    const end = performance.now() + this.server.timings.failover;
    for (;;) {
      const answer = await this.attempt(write);
      if (answer !== undefined) return answer;
      if (performance.now() > end)
        throw new StoreUnavailableError(
          'No server leads: changes are possible when a majority of the servers is connected.',
        );
      await sleep(LOOK_MS);
    }
  }

  async accept<W extends Write>(write: W): Promise<WriteAnswer<W>> {
    if (this.leadership.term() === undefined) throw new NotLeadingError();
    return this.writer.write(write);
  }

  /** Undefined when no server has answered that leads: repeated, a write counts once. */
  private async attempt<W extends Write>(write: W): Promise<WriteAnswer<W> | undefined> {
    if (this.leadership.term() === undefined) {
      const link = this.server.membership.linkTo(this.leadership.leader());
      return link && this.forward(link, write);
    }
    try {
      return await this.writer.write(write);
    } catch (error) {
      if (error instanceof NotLeadingError) return undefined;
      throw error;
    }
  }

  private async forward<W extends Write>(link: PeerLink, write: W): Promise<WriteAnswer<W> | undefined> {
    try {
      return await sendWrite(link, write, this.server.timings);
    } catch (error) {
      const isFinal = error instanceof PeerRefusalError && error.message !== NotLeadingError.text;
      if (isFinal) throw new StoreUnavailableError(error.message);
      return undefined;
    }
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
      this.server.membership.links.find(({ peer }) => peer?.instance === instance)?.suspect();
      throw new NotLeadingError();
    }
    this.server.copies.take(entries);
  }

  private tick(): void {
    const now = performance.now();
    const isEarlierThere = this.electorate.earlier().some(({ current, serving }) => current && serving);
    this.earlierSince = isEarlierThere ? (this.earlierSince ?? now) : undefined;
    this.leadership.tick();
    const leader = this.leadership.leader();
    const leads = leader === this.server.instance;
    if (leader !== undefined && !leads) this.backFor = BACK_FOR_MS;
    if (leads && now - this.retriedAt > RETRY_MS) {
      this.retriedAt = now;
      this.confirmation.retry();
    }
    if (leads !== this.ledLast) this.server.emit({ type: leads ? 'leads' : 'leads-no-more' });
    this.ledLast = leads;
  }

  /** An earlier server that cannot win is given way to less and less often. */
  private shouldResign(): boolean {
    const isBack = this.earlierSince !== undefined && performance.now() - this.earlierSince > this.backFor;
    const { direction } = this.server.options;
    const takesBack = typeof direction === 'object' && direction.takesBack === true;
    if (!takesBack || !isBack) return false;
    this.earlierSince = undefined;
    this.backFor = Math.min(2 * this.backFor, MOST_BACK_FOR_MS);
    return true;
  }

  private site() {
    const { electorate, server } = this;
    const { copies, membership, timings } = server;
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
      isReady: () => server.mayVote,
      ask: async ({ instance }: Voter, request: LeaseRequest) => {
        const link = membership.linkTo(instance);
        if (!link) throw new Error('The peer is not connected.');
        return asLeaseAnswer(await link.send('lease', JSON.stringify(request), timings.deadAfter));
      },
      takeOver: (voters: readonly string[]) => this.takeOver(voters),
      ceiling: () => copies.clock.ahead(STAMPS_AHEAD_MS),
      witness: (moment: string) => copies.clock.witness(moment),
      onStop: () => this.onStop(),
      settled: () => this.confirmation.settled(),
    };
  }

  /** An entry that was taken back, and that others have, must come again before a request reads it here. */
  private onStop(): void {
    if (this.confirmation.rollBack() === 0) return;
    this.writer.countAnew();
    for (const link of this.server.membership.members) link.suspect();
  }

  private async takeOver(voters: readonly string[]): Promise<string[]> {
    const given: string[] = [];
    const all = voters.map(async (voter) => {
      const link = this.server.membership.linkTo(voter);
      if (link && (await this.server.catchUp.compareNow(link).catch(() => false))) given.push(voter);
    });
    await Promise.race([Promise.all(all), sleep(this.server.timings.lease / 2, undefined, { ref: false })]);
    return [...given];
  }
}
