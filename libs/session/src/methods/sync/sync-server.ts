// One server of a site that shares its sessions by `sync`: its copies, its links, how it starts, catches up and leaves.
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { StoreUnavailableError } from '../../core/errors.js';
import { CatchUp } from './catch-up.js';
import { chooseDirection, orderOf } from './choose-direction.js';
import { Copies } from './copies.js';
import { CutOff, LONG_DOUBT } from './cut-off.js';
import type { Direction } from './direction.js';
import { Joining } from './joining.js';
import { Membership } from './membership.js';
import { isServerName, PROTOCOL, type Hello } from './messages.js';
import {
  Counters,
  defaultLimits,
  defaultTimings,
  type LinkSecurity,
  type SyncEvent,
  type SyncLimits,
  type SyncOptions,
  type SyncTimings,
} from './options.js';
import type { LinkContext, PeerLink } from './peer-link.js';
import { PeerRequests } from './peer-requests.js';
import { PeerServer } from './peer-server.js';
import { Reader } from './reader.js';
import { assertSecret } from './security.js';
import { Succession } from './succession.js';

const MONITOR_EVERY = 100;
/** This server stood still for so long that its peers may have gone on without it. */
const FROZEN = 400;
/** One of 256 buckets at a time: each once a minute. */
const SWEEP_EVERY = 250;

export class SyncServer implements LinkContext {
  readonly instance = randomUUID();
  readonly security: LinkSecurity;
  readonly timings: SyncTimings;
  readonly limits: SyncLimits;
  readonly counters = new Counters();
  readonly now: () => number;
  readonly copies: Copies;
  readonly membership: Membership;
  readonly cutOff: CutOff;
  readonly catchUp: CatchUp;
  readonly reader: Reader;
  readonly direction: Direction;
  /** The direction, where there are successors. */
  readonly succession: Succession | undefined;
  /** Milliseconds from the start until it could serve. */
  joinedIn = 0;
  private readonly joining: Joining;
  private listener: PeerServer | undefined;
  private readonly timers: NodeJS.Timeout[] = [];
  /** True when it has joined the others, or found itself alone. */
  private serving = false;
  private closed = false;
  private lastSeenAwake = 0;

  constructor(readonly options: SyncOptions) {
    assertSecret(options.security);
    if (!isServerName(options.serverName))
      throw new TypeError(`serverName "${options.serverName}" is not valid: use 1 to 100 letters, digits and . : _ -`);
    this.security = options.security;
    this.timings = { ...defaultTimings, ...options.timings };
    this.limits = { ...defaultLimits, ...options.limits };
    this.now = options.now ?? Date.now;
    const { counters, timings } = this;
    const { maxSessions = 1_000_000, maxBytes = 2 ** 30 } = options;
    const copies = (this.copies = new Copies(options.serverName, { maxSessions, maxBytes }, counters, this.now));
    const membership = (this.membership = new Membership(options.peers, options.listen.port, this, options.lookup));
    this.cutOff = new CutOff(membership, options.isCutOff, () => this.emit({ type: 'cut-off' }));
    this.catchUp = new CatchUp(copies, () => this.serving);
    this.reader = new Reader(copies, membership, counters, timings);
    this.joining = new Joining(options, copies, membership, this.reader, timings, counters);
    this.direction = chooseDirection(this);
    if (this.direction instanceof Succession) this.succession = this.direction;
  }

  /** See `SyncSessionStore.open`. */
  async start(): Promise<void> {
    const start = performance.now();
    this.reader.openedAt = this.now();
    await this.joining.loadSnapshot();
    this.listener = await PeerServer.listen(this.options.listen, this, new PeerRequests(this));
    this.lastSeenAwake = performance.now();
    this.every(MONITOR_EVERY, () => this.noticeFreeze());
    this.every(MONITOR_EVERY, () => void this.cutOff.look());
    this.every(SWEEP_EVERY, () => this.copies.sweepNext());
    this.every(this.timings.compare, () => {
      for (const link of this.membership.reachable)
        if (link.current) void this.catchUp.compareWith(link).catch(() => false);
    });
    await this.membership.follow();
    await this.joining.join();
    this.serving = true;
    this.joinedIn = performance.now() - start;
    await this.joining.removeSnapshot();
  }

  /** See `SyncSessionStore.close`. */
  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    for (const timer of this.timers) clearInterval(timer);
    // Also those that join only now: they will serve.
    const othersGoOn = this.membership.reachable.length > 0;
    await this.succession?.close();
    this.catchUp.close();
    this.membership.close();
    await this.listener?.close();
    // Before it has joined, the file says more than this server knows.
    if (this.serving) await this.joining.saveSnapshot(othersGoOn);
  }

  get port(): number {
    return this.listener!.port;
  }

  /** See `SyncSessionStore.isReady`. */
  get isReady(): boolean {
    return this.serving && !this.closed && !this.cutOff.isCutOff && this.waitsFor.length === 0;
  }

  /** As `isReady`, without doubt about peers that are away: the next leader must not wait for the last one. */
  get mayVote(): boolean {
    return this.serving && !this.closed && !this.cutOff.isCutOff && !this.membership.isBehind;
  }

  /** See `SyncSessionStore.waitsFor`. */
  get waitsFor(): readonly string[] {
    const { links, members, unresolved } = this.membership;
    if (this.cutOff.isCutOff) return [...members.map(({ name }) => name), ...unresolved];
    return links.filter(({ isBehind }) => isBehind).map(({ name }) => name);
  }

  /** See `SyncSessionStore.leader`. */
  get leader(): string | undefined {
    return this.succession ? this.succession.leader : orderOf(this.options)[0];
  }

  /** See `SyncSessionStore.caughtUp`. */
  async caughtUp(): Promise<void> {
    this.noticeFreeze();
    const end = performance.now() + this.timings.read;
    while (this.waitsFor.length > 0 || !this.serving) {
      if (this.closed || performance.now() > end)
        throw new StoreUnavailableError(
          `This server has to catch up first (${this.waitsFor.join(', ') || 'it starts'}).`,
        );
      await sleep(5);
      this.noticeFreeze();
    }
  }

  // --- what the links ask for

  hello(): Hello {
    const { serverName: name } = this.options;
    const { instance, serving } = this;
    const writer = orderOf(this.options).join();
    return { protocol: PROTOCOL, name, instance, writer, serving, now: this.now() };
  }

  isNew({ instance }: Hello): boolean {
    return this.membership.linkTo(instance) === undefined;
  }

  onBehind(link: PeerLink): void {
    void this.catchUp.with(link);
  }

  emit(event: SyncEvent): void {
    this.options.onEvent?.(event);
  }

  private every(interval: number, act: () => void): void {
    this.timers.push(setInterval(act, interval).unref());
  }

  /** Notices that this process stood still. Also asked before a read: a request may be read before any timer runs. */
  private noticeFreeze(): void {
    if (performance.now() - this.lastSeenAwake > FROZEN)
      for (const link of this.membership.members) link.suspect(LONG_DOUBT);
    this.lastSeenAwake = performance.now();
  }
}
