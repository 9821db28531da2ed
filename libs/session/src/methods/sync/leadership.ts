// Which of several servers leads: the one that holds a lease from a majority, the first in the order that can get one.
import type { Moment } from '../../replica/hybrid-clock.js';
import { Lease, Promised, type Clock } from './lease.js';

/** Milliseconds. */
export interface LeadershipTimings {
  /** How long a voter's promise holds. When a leader is gone, the next one leads so much later at the latest. */
  readonly lease: number;
  /** How often a leader asks for the promises anew. */
  readonly renew: number;
  /** How much longer a server waits for each one before it in the order that may be there. */
  readonly stagger: number;
}

/** What a server says of the lease: it asks for it, leads by it, or gives it back. */
export interface LeaseRequest {
  readonly step: 'ask' | 'lead' | 'release';
  /** Which of the sender's attempts to lead this belongs to: its term, once it leads. */
  readonly attempt: number;
  /** No write that counts on the answer is stamped later; '' where it asks for nothing. */
  readonly ceiling: Moment;
}

export interface LeaseAnswer {
  readonly granted: boolean;
  /** No earlier leader that this voter knows of stamps later: the new one stamps later than this. */
  readonly floor: Moment;
}

/** Another server, as leadership sees it. */
export interface Voter {
  /** Random, anew at each start. */
  readonly instance: string;
  readonly hasVote: boolean;
}

/** What leadership needs of its server. */
export interface Site {
  /** The servers that can be asked now. */
  peers(): readonly Voter[];
  /** How many votes are a majority, this server's own among them. */
  quorum(): number;
  /** How many servers before this one in the order may be there; undefined where this server must not lead. */
  rank(): number | undefined;
  /** Whether a server before this one in the order is ready to lead in its place. */
  shouldResign(): boolean;
  /** Whether this server knows all that was acknowledged, as far as it can tell: else it neither votes nor leads. */
  isReady(): boolean;
  ask(peer: Voter, request: LeaseRequest): Promise<LeaseAnswer>;
  /** Takes over what these servers hold; resolves with those whose copies are all here. */
  takeOver(voters: readonly string[]): Promise<readonly string[]>;
  /** The latest moment that a write under the next promises may be stamped with. */
  ceiling(): Moment;
  /** From now on this server stamps later than this. */
  witness(moment: Moment): void;
  /** This server has stopped to lead: what no majority has confirmed is to be taken back. */
  onStop(): void;
  /** Resolves when no write runs. */
  settled(): Promise<void>;
}

/** For how many renewals a server asks before it lets the others try. */
const RENEWS_PER_ATTEMPT = 2;

type Phase = 'following' | 'asking' | 'taking over' | 'leading' | 'resigning';

export class Leadership {
  private phase: Phase = 'following';
  private readonly lease: Lease;
  private readonly promised: Promised;
  private known: { readonly instance: string; readonly attempt: number; readonly until: number } | undefined;
  /** Since when nobody leads, as far as this server knows. */
  private freeSince: number;
  private attempt = 0;
  private attemptedAt = 0;
  private renewedAt = 0;

  /**
   * @param impatient for the lease that this server holds
   * @param patient for what it has promised to others
   */
  constructor(
    private readonly instance: string,
    private readonly site: Site,
    private readonly timings: LeadershipTimings,
    private readonly impatient: Clock,
    private readonly patient: Clock,
  ) {
    this.lease = new Lease(timings.lease, impatient);
    this.promised = new Promised(timings.lease, patient);
    this.freeSince = patient();
  }

  /** The term in which this server may begin a write now; undefined when it does not lead. */
  term(): number | undefined {
    this.stopIfLapsed();
    return this.phase === 'leading' ? this.attempt : undefined;
  }

  /** Whether this server may acknowledge now what it has begun in this term. */
  mayAcknowledge(term: number): boolean {
    this.stopIfLapsed();
    return this.attempt === term && (this.phase === 'leading' || this.phase === 'resigning');
  }

  /** The instance that leads, as far as this server knows. */
  leader(): string | undefined {
    if (this.term() !== undefined) return this.instance;
    return this.known && this.known.until > this.patient() ? this.known.instance : undefined;
  }

  /** Writes must not be stamped later than this: a successor counts on it. */
  get ceiling(): Moment {
    return this.lease.ceiling(this.site.quorum());
  }

  /** Whether a change that a leader sends in this term is to be taken: another one may lead by now. */
  isObeyed(instance: string, term: number): boolean {
    // After a standstill this may be the first to notice that another server leads.
    this.stopIfLapsed();
    const isKnown = this.known?.instance === instance && this.known.attempt === term;
    return isKnown || this.promised.isLast(instance, term);
  }

  /** To be called several times in each `renew`. */
  tick(): void {
    this.stopIfLapsed();
    const { renew } = this.timings;
    const now = this.impatient();
    if (this.phase === 'following') return this.considerAttempt();
    // Two that ask at once, each with its own promise, would keep each other waiting: the order decides the next time.
    if (this.phase === 'asking' && now - this.attemptedAt > RENEWS_PER_ATTEMPT * renew) return this.stop();
    if (this.phase === 'leading' && this.site.shouldResign()) return void this.resign();
    if (now - this.renewedAt >= (this.phase === 'asking' ? renew / 4 : renew)) this.renew();
  }

  /** Another server's request. */
  answer(from: string, { step, attempt, ceiling }: LeaseRequest): LeaseAnswer {
    this.stopIfLapsed();
    if (step === 'release') {
      this.promised.release(from, attempt);
      if (this.known?.instance === from && this.known.attempt <= attempt) this.known = undefined;
      return { granted: false, floor: '' };
    }
    // A server with a majority leads: an attempt of this server only keeps it waiting.
    if (step === 'lead' && this.phase === 'asking') this.stop();
    const granted = this.site.isReady() && this.promised.grant(from, attempt, ceiling);
    if (granted && this.known?.instance !== from) this.known = undefined;
    // Right after its start a server promises nothing, and follows all the same.
    if (step === 'lead' && !this.promised.isAnothers(from))
      this.known = { instance: from, attempt, until: this.patient() + this.timings.lease };
    return { granted, floor: granted ? this.promised.floor : '' };
  }

  /** Stops to lead when no write runs any more, and tells the others: the next one can begin at once. */
  async resign(): Promise<void> {
    if (this.phase === 'leading') {
      this.phase = 'resigning';
      await this.site.settled();
    }
    if (this.phase !== 'following') this.stop();
  }

  private considerAttempt(): void {
    const rank = this.site.isReady() ? this.site.rank() : undefined;
    const isFree = this.promised.isFreeFor(this.instance) && this.leader() === undefined;
    const now = this.patient();
    if (!isFree || rank === undefined) this.freeSince = now;
    else if (now - this.freeSince >= rank * this.timings.stagger) {
      this.phase = 'asking';
      this.attempt++;
      this.attemptedAt = this.impatient();
      this.renew();
    }
  }

  /** Asks all for their promise. */
  private renew(): void {
    const { attempt, site } = this;
    const askedAt = this.impatient();
    this.renewedAt = askedAt;
    const ceiling = site.ceiling();
    const request: LeaseRequest = { step: this.phase === 'leading' ? 'lead' : 'ask', attempt, ceiling };
    const note = (voter: string, { granted, floor }: LeaseAnswer) => {
      // An earlier attempt's promise has been given back, and may be another's.
      if (!granted || attempt !== this.attempt) return;
      if (floor !== '') site.witness(floor);
      this.noteGrant(voter, askedAt, ceiling);
    };
    note(this.instance, this.answer(this.instance, { ...request, step: 'ask' }));
    for (const peer of site.peers())
      site.ask(peer, request).then(
        (answer) => peer.hasVote && note(peer.instance, answer),
        () => undefined,
      );
  }

  private noteGrant(voter: string, askedAt: number, ceiling: Moment): void {
    // A lease that has lapsed meanwhile may have been another's since.
    this.stopIfLapsed();
    if (this.phase === 'following') return;
    this.lease.grantedBy(voter, askedAt, ceiling);
    if (this.phase === 'asking' && this.isHeld()) void this.takeOver();
  }

  private async takeOver(): Promise<void> {
    const { attempt } = this;
    this.phase = 'taking over';
    const voters = this.lease.voters().filter((voter) => voter !== this.instance);
    const given = await this.site.takeOver(voters);
    // It may have lapsed meanwhile, also for a moment.
    if (this.attempt !== attempt || this.phase !== 'taking over') return;
    if (given.length + 1 < this.site.quorum() || !this.isHeld()) return this.stop();
    this.phase = 'leading';
    this.renew();
  }

  private isHeld(): boolean {
    return this.lease.isHeldBy(this.site.quorum());
  }

  private stopIfLapsed(): void {
    const needsLease = this.phase !== 'following' && this.phase !== 'asking';
    if (needsLease && !this.isHeld()) this.stop();
  }

  /** Ends its leadership, or its attempt, and tells the others that they are free. */
  private stop(): void {
    const hasLed = this.phase === 'leading' || this.phase === 'resigning';
    this.phase = 'following';
    this.lease.forget();
    this.promised.release(this.instance, this.attempt);
    // After a failed attempt the others try first.
    this.freeSince = this.patient() + (hasLed ? 0 : this.timings.stagger);
    if (hasLed) this.site.onStop();
    const request: LeaseRequest = { step: 'release', attempt: this.attempt, ceiling: '' };
    for (const peer of this.site.peers()) this.site.ask(peer, request).catch(() => undefined);
  }
}
