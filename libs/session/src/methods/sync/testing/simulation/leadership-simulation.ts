// Servers of the specs that take turns in leading, each write a stamp that is kept or not: see `leadership.spec.ts`.
import { HybridClock, momentOf, type Moment, type Stamp } from '../../../../replica/hybrid-clock.js';
import { Leadership, type LeaseAnswer, type LeaseRequest, type Site, type Voter } from '../../leadership.js';
import { World, type Machine } from './world.js';

/** A rule that is broken on purpose. */
export type Break =
  | 'a lease outlives its promises'
  | 'a restarted voter promises at once'
  | 'an answer to an earlier attempt counts'
  | 'a late release counts'
  | 'takes nothing over'
  | 'does not ask again what it may acknowledge'
  | 'stamps above its ceiling';

export interface Outcome {
  /** The broken promise, in words; undefined when all were kept. */
  readonly broken: string | undefined;
  readonly acknowledged: number;
  /** How often another server than before acknowledged. */
  readonly changes: number;
}

const LASTS_MS = 10_000;
const timings = { lease: 1000, renew: 200, stagger: 100 };
const TICK_MS = 50;
const SLACK_MS = 2000;

/** What was acknowledged, and by whom. */
class Ledger {
  readonly acknowledged: Stamp[] = [];
  changes = 0;
  /** The first promise that was broken. */
  broken: string | undefined;
  private last: string | undefined;
  /** In which order they were written. */
  private readonly order = new Map<Stamp, number>();

  constructor(private readonly servers: readonly Server[]) {}

  /** A server is about to write. */
  begins(server: Server, stamp: Stamp): void {
    this.assertAlone(server, 'begin to write');
    const missing = this.acknowledged.filter((one) => !server.held.has(one));
    if (missing.length > 0) this.broken ??= `${server.instance} lacks ${missing.length} writes`;
    const later = this.acknowledged.find((one) => momentOf(one) >= momentOf(stamp));
    if (later) this.broken ??= `${server.instance} has stamped earlier than what was acknowledged`;
    this.order.set(stamp, this.order.size);
  }

  /** A server has learnt of a write. */
  takes(stamp: Stamp): void {
    if (this.acknowledged.includes(stamp)) return;
    const isBeaten = (one: Stamp) => this.order.get(one)! > this.order.get(stamp)! && one < stamp;
    if (this.acknowledged.some(isBeaten)) this.broken ??= 'a late write has beaten one that was written after it';
  }

  acknowledges(server: Server, stamp: Stamp): void {
    this.assertAlone(server, 'acknowledge');
    if (this.last !== server.instance) this.changes++;
    this.last = server.instance;
    this.acknowledged.push(stamp);
  }

  private assertAlone(server: Server, what: string): void {
    const other = this.servers.find((each) => each !== server && !each.isFrozen && each.leads);
    if (other) this.broken ??= `two servers may ${what}: ${server.instance} and ${other.instance}`;
  }
}

class Server implements Machine, Site {
  frozenUntil = 0;
  instance = '';
  leadership!: Leadership;
  clock!: HybridClock;
  /** The writes that it knows. */
  held = new Set<Stamp>();
  private unconfirmed = new Set<Stamp>();
  private starts = 0;
  private ready = false;
  private readonly rate: number;
  private readonly skew: number;

  constructor(
    private readonly world: World,
    private readonly servers: readonly Server[],
    private readonly ledger: Ledger,
    private readonly index: number,
    private readonly how: Break | undefined,
  ) {
    this.rate = world.between(0.97, 1.03);
    this.skew = world.between(-300_000, 300_000);
  }

  get isFrozen(): boolean {
    return this.frozenUntil > this.world.now;
  }

  /** Looks only: asking `leadership` itself would end a lease that has lapsed. */
  get leads(): boolean {
    const { phase } = this.leadership as unknown as { phase: string };
    return phase === 'leading' && (this.leadership as unknown as { isHeld(): boolean }).isHeld();
  }

  get isJoining(): boolean {
    return !this.ready;
  }

  /** With an empty memory. */
  start(): void {
    const { world, how } = this;
    this.instance = `web${this.index + 1}#${++this.starts}`;
    this.held = new Set();
    this.unconfirmed = new Set();
    this.ready = this.starts === 1;
    this.clock = new HybridClock(this.instance, () => Math.floor(1.8e12 + this.skew + world.now));
    const time = () => this.rate * world.now;
    let isFirst = true;
    const patient = () => {
      const early = isFirst && how === 'a restarted voter promises at once' && this.starts > 1;
      isFirst = false;
      return time() - (early ? timings.lease : 0);
    };
    const impatient = how === 'a lease outlives its promises' ? () => 0.6 * time() : time;
    this.leadership = new Leadership(this.instance, this, timings, impatient, patient);
    if (how === 'an answer to an earlier attempt counts')
      Object.defineProperty(this.leadership, 'attempt', { get: () => 1, set: () => undefined });
    const { instance } = this;
    const every = (milliseconds: number, act: () => void) => {
      if (this.instance !== instance) return;
      world.after(milliseconds, () => every(milliseconds, act), this);
      act();
    };
    every(TICK_MS, () => this.leadership.tick());
    every(40, () => this.write());
    if (!this.ready) this.join();
  }

  // --- what leadership asks of its server

  peers(): Voter[] {
    return this.others.map(({ instance }) => ({ instance, hasVote: true }));
  }
  quorum(): number {
    return Math.floor(this.servers.length / 2) + 1;
  }
  rank(): number {
    return this.servers.slice(0, this.index).filter((other) => !this.world.isCut(this.index, other.index)).length;
  }
  shouldResign(): boolean {
    return this.world.random() < 0.004;
  }
  isReady(): boolean {
    return this.ready;
  }
  ceiling(): Moment {
    return this.clock.ahead(SLACK_MS);
  }
  witness(moment: Moment): void {
    if (this.how !== 'stamps above its ceiling') this.clock.witness(moment);
  }
  onStop(): void {
    for (const stamp of this.unconfirmed) this.held.delete(stamp);
    this.unconfirmed.clear();
  }
  async settled(): Promise<void> {
    await new Promise<void>((resolve) => this.world.after(30, resolve, this));
  }

  ask(peer: Voter, asked: LeaseRequest): Promise<LeaseAnswer> {
    const isLate = this.how === 'a late release counts' && asked.step === 'release';
    const request = isLate ? { ...asked, attempt: Infinity } : asked;
    const { instance } = this;
    return this.call(peer.instance, (other) => other.leadership.answer(instance, request));
  }

  async takeOver(voters: readonly string[]): Promise<readonly string[]> {
    const given: string[] = [];
    if (this.how === 'takes nothing over') return voters;
    const all = voters.map(async (voter) => {
      for (const stamp of await this.call(voter, (other) => other.confirmed())) this.take(stamp);
      given.push(voter);
    });
    await Promise.race([Promise.all(all), new Promise<void>((resolve) => this.world.after(400, resolve, this))]);
    return [...given];
  }

  // --- the server itself

  private get others(): Server[] {
    return this.servers.filter((other) => other !== this);
  }

  /** A request over a connection, which ends when one of the two processes does: nothing arrives after that. */
  private call<T>(to: string, act: (other: Server) => T): Promise<T> {
    const { world, instance } = this;
    const other = this.servers.find((each) => each.instance === to);
    return new Promise((resolve) => {
      if (!other) return;
      world.carry(this.index, other.index, other, () => {
        if (other.instance !== to) return;
        const answer = act(other);
        const isOpen = () => this.instance === instance && other.instance === to;
        world.carry(other.index, this.index, this, () => isOpen() && resolve(answer));
      });
    });
  }

  /** What a peer may be given. */
  private confirmed(): Stamp[] {
    return [...this.held].filter((stamp) => !this.unconfirmed.has(stamp));
  }

  private take(stamp: Stamp): void {
    if (!this.held.has(stamp)) this.ledger.takes(stamp);
    this.held.add(stamp);
    this.clock.witness(momentOf(stamp));
  }

  private write(): void {
    const term = this.leadership.term();
    if (term === undefined) return;
    const stamp = this.clock.tick();
    if (momentOf(stamp) > this.leadership.ceiling) return;
    this.ledger.begins(this, stamp);
    this.held.add(stamp);
    this.unconfirmed.add(stamp);
    const { instance } = this;
    let confirmed = 1;
    for (const other of this.others)
      void this.call(other.instance, (peer) => {
        if (!peer.leadership.isObeyed(instance, term)) return false;
        peer.take(stamp);
        return true;
      }).then((isTaken) => {
        if (isTaken && ++confirmed === this.quorum()) this.acknowledge(stamp, term);
      });
  }

  private acknowledge(stamp: Stamp, term: number): void {
    const isUnasked = this.how === 'does not ask again what it may acknowledge';
    if (!isUnasked && !this.leadership.mayAcknowledge(term)) return;
    this.unconfirmed.delete(stamp);
    this.ledger.acknowledges(this, stamp);
  }

  /** It is one of the others again when it holds what all of them hold. */
  private join(): void {
    const { instance } = this;
    const all = this.others.map(async (other) => {
      for (const stamp of await this.call(other.instance, (peer) => peer.confirmed())) this.take(stamp);
    });
    void Promise.all(all).then(() => (this.ready = this.instance === instance));
    this.world.after(300, () => this.instance === instance && this.isJoining && this.join(), this);
  }
}

/** One fault after the other, each healed before long. */
function disturb(world: World, servers: readonly Server[]): void {
  const pick = () => servers[Math.floor(world.random() * servers.length)];
  const again = () => world.after(world.between(200, 2500), () => disturb(world, servers));
  const choice = world.random();
  if (choice < 0.4) {
    const side = servers.map(() => world.random() < 0.5);
    const oneSided = world.random() < 0.3;
    for (let i = 0; i < servers.length; i++)
      for (let j = 0; j < servers.length; j++) if (side[i] !== side[j] && (!oneSided || side[i])) world.cutLink(i, j);
    world.after(world.between(100, 4000), () => world.heal());
  } else if (choice < 0.7) {
    pick().frozenUntil = world.now + world.between(100, 3000);
  } else if (servers.every((server) => !server.isJoining && !server.isFrozen)) {
    // A server that has lost its memory counts again when it has all of the others': one at a time.
    pick().start();
  }
  again();
}

/** Runs the history that this seed decides. */
export async function aSimulation(seed: number, how?: Break): Promise<Outcome> {
  const world = new World(seed);
  const servers: Server[] = [];
  const ledger = new Ledger(servers);
  const count = world.random() < 0.7 ? 3 : 5;
  for (let i = 0; i < count; i++) servers.push(new Server(world, servers, ledger, i, how));
  for (const server of servers) server.start();
  world.after(2500, () => disturb(world, servers));
  while (world.now < LASTS_MS && ledger.broken === undefined) await world.runUntil(world.now + 100);
  return { broken: ledger.broken, acknowledged: ledger.acknowledged.length, changes: ledger.changes };
}
