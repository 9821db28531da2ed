// Finds a session's copy as the browser has seen it: here, or with the peers, or says which of them may have it.
import { setTimeout as sleep } from 'node:timers/promises';
import { StoreUnavailableError } from '../../core/errors.js';
import { covers, type Replica } from '../../replica/replica.js';
import type { Mark } from '../../port/records.js';
import { createdAt } from '../../core/identity.js';
import type { Copies } from './copies.js';
import { MalformedError } from './framed-socket.js';
import type { Membership } from './membership.js';
import { asEntry } from './messages.js';
import type { Counters, SyncTimings } from './options.js';
import type { PeerLink } from './peer-link.js';

/** Clocks are compared only when a link comes up, and ids are made a moment before they are stored. */
const CREATION_MARGIN = 10_000;

export class Reader {
  /** When this server began to listen. */
  openedAt = 0;
  /** This server has taken over what at least one peer held. */
  hasJoined = false;

  constructor(
    private readonly copies: Copies,
    private readonly membership: Membership,
    private readonly counters: Counters,
    private readonly timings: SyncTimings,
  ) {}

  /**
   * The copy, live or ended, with all that the mark says was seen, from here or from the peers; undefined when there is
   * none. @throws StoreUnavailableError when only a server may have it that cannot be asked
   */
  async locate(id: string, mark: Mark = ''): Promise<Replica | undefined> {
    const { copies } = this;
    const isEnough = (copy = copies.session(id)) => copy !== undefined && covers(copy, mark);
    const here = copies.session(id);
    if (isEnough(here) || this.membership.isAlone) return here;
    this.counters.fetches++;
    const answered = await this.fetch(id, isEnough);
    const copy = copies.session(id);
    const missing = isEnough(copy) ? [] : this.mayHave(id, mark, answered);
    if (missing.length > 0)
      throw new StoreUnavailableError(
        `Only ${missing.join(', ')} may have the state of this session that the browser has seen, and did not answer.`,
      );
    return copy;
  }

  /** Asks all peers at once, until one has brought enough or the time is over; returns those that have answered. */
  private async fetch(id: string, isEnough: () => boolean): Promise<Set<PeerLink>> {
    const answered = new Set<PeerLink>();
    const ask = async (link: PeerLink) => {
      const answer = await link.send('get', JSON.stringify(id), this.timings.deadAfter);
      try {
        if (answer !== null) this.copies.take([asEntry(answer, this.copies.now())]);
      } catch (error) {
        if (error instanceof MalformedError) link.drop(error.message);
        throw error;
      }
      answered.add(link);
      if (!isEnough()) throw new Error('This peer does not have it.');
    };
    const enough = Promise.any(this.membership.reachable.map(ask)).catch(() => undefined);
    await Promise.race([enough, sleep(this.timings.read, undefined, { ref: false })]);
    return answered;
  }

  /**
   * The members that may have what no other has: those that have not answered, have not been away for too long, and
   * could have been given the session since. What they had before, the others have too.
   */
  private mayHave(id: string, mark: Mark, answered: ReadonlySet<PeerLink>): string[] {
    const now = this.copies.now();
    const { members, unresolved } = this.membership;
    const skew = Math.max(0, ...members.map(({ lead }) => Math.abs(lead))) + CREATION_MARGIN;
    const isKnown = this.copies.session(id) !== undefined;
    const mayHave = (link: PeerLink) => {
      if (answered.has(link)) return false;
      if (link.isUp) return true;
      const away = now - (link.lostAt ?? this.openedAt);
      // A peer that this server never caught up with may have any session that a mark was given for. Without a mark
      // there may be no other peers, or they have sent what this one had before. A peer that is gone has sent it to
      // them, or has lost it.
      const unmet = mark === '' ? Infinity : 0;
      const isTold = this.hasJoined && (mark === '' || link.isGone);
      const since = link.currentUntil ?? (isTold ? this.openedAt : unmet);
      return away < this.timings.forgetAfter && (isKnown || createdAt(id) > since - skew);
    };
    const unknown = mark !== '' && now - this.openedAt < this.timings.forgetAfter ? unresolved : [];
    return [...members.filter(mayHave).map(({ name }) => name), ...unknown];
  }
}
