// The `sync` method: every server holds all sessions in memory and sends its changes to the others.
import type { ReplicatedTombstones } from '../cookie/revocation/sync-revocation-list.js';
import { hide } from '../../core/hide.js';
import { markOf, toRecord } from '../../replica/replica.js';
import type { Life, SessionIndex, SessionLives, SessionRoom } from '../../port/abilities.js';
import type { Found, Mark, SessionRecord, WriteResult } from '../../port/records.js';
import { ownMark, type SessionCapabilities, type SessionStore } from '../../port/store.js';
import { SyncLives } from './lives.js';
import type { Key } from './messages.js';
import type { SyncOptions, SyncStats } from './options.js';
import { SyncServer } from './sync-server.js';

/**
 * Sessions in the memory of all servers. Each server answers reads from its own memory, asks its peers when the
 * browser's mark says that it is behind, and joins what others write key by key. See docs/sync.md for what it costs
 * and what a partition does.
 */
export class SyncSessionStore implements SessionStore, SessionIndex, SessionLives, SessionRoom, ReplicatedTombstones {
  readonly capabilities: SessionCapabilities = {
    method: 'sync',
    mergesKeys: true,
    atomicUpdate: false,
    logoutWithinMs: 0,
    readsWhatYouSaw: true,
  };

  private readonly lives: SyncLives;

  private constructor(private readonly server: SyncServer) {
    this.lives = new SyncLives(server);
    hide(this, 'server', 'lives');
  }

  /**
   * Starts to listen, and resolves when this server may serve: when it has taken over the sessions of its peers, or no
   * peer has answered for `timings.aloneAfter`.
   * @throws Error when it cannot listen, StoreUnavailableError when a peer is there whose sessions it cannot take over
   */
  static async open(options: SyncOptions): Promise<SyncSessionStore> {
    const server = new SyncServer(options);
    try {
      await server.start();
      return new SyncSessionStore(server);
    } catch (error) {
      await server.close();
      throw error;
    }
  }

  /**
   * Leaves the others, and the snapshot behind. Call it when no request runs any more.
   * @throws Error when the snapshot cannot be written
   */
  close(): Promise<void> {
    return this.server.close();
  }

  /** The port on which it listens. */
  get port(): number {
    return this.server.port;
  }

  /** False while this server may not know what others have acknowledged: it should get no traffic. */
  get isReady(): boolean {
    return this.server.isReady;
  }

  /** True while this server hears neither a peer nor anybody else: see `SyncOptions.isCutOff`. */
  get isCutOff(): boolean {
    return this.server.cutOff.isCutOff;
  }

  /** The peers that it has to catch up with first, or that do not reach it. */
  get waitsFor(): readonly string[] {
    return this.server.waitsFor;
  }

  /** The server that leads, as far as this one knows; undefined where every server writes, or none leads. */
  get leader(): string | undefined {
    return this.server.leader;
  }

  /** See `SessionRoom`. */
  get isForUsersOnly(): boolean {
    return this.server.copies.isForUsersOnly;
  }

  stats(): SyncStats {
    const { copies, membership, counters, joinedIn, leader } = this.server;
    const { sessions, tombstones, epochs, bytes } = copies;
    return {
      sessions,
      tombstones,
      epochs,
      bytes,
      joinedIn,
      leader,
      digest: copies.digest(),
      peers: membership.members.map(({ address, peer, state, current }) => ({
        address,
        name: peer?.name,
        state,
        current,
      })),
      counters: { ...counters },
    };
  }

  async find(id: string, atLeast: Mark = ''): Promise<Found | undefined> {
    await this.caughtUp();
    await this.confirmed(id);
    const copy = await this.server.reader.locate(id, ownMark(atLeast, this.capabilities));
    if (!copy || copy.ended) return undefined;
    const record = toRecord(copy);
    if (record.userId !== null) await this.confirmed(`@${record.userId}`);
    const userEpoch = record.userId === null ? 0 : this.knownEpoch(record.userId);
    return { record, userEpoch, mark: markOf(copy) };
  }

  create(record: SessionRecord): Promise<WriteResult> {
    return this.server.direction.write(['create', record]);
  }

  update(record: SessionRecord, base: SessionRecord): Promise<WriteResult> {
    return this.server.direction.write(['update', record, base]);
  }

  async touch(id: string, idleEndsAt: number): Promise<void> {
    await this.server.direction.write(['touch', id, idleEndsAt]);
  }

  destroy(id: string, ifVersion?: number): Promise<WriteResult> {
    return this.server.direction.write(['destroy', id, ifVersion ?? null]);
  }

  /** On this server only; each sweeps its own memory, also by itself. */
  async sweep(before: number, limit: number): Promise<number> {
    return this.server.copies.sweep(before, limit);
  }

  async listByUser(userId: string): Promise<SessionRecord[]> {
    await this.caughtUp();
    const records = this.server.copies.sessionsOf(userId).map(toRecord);
    return records.sort((a, b) => (a.id < b.id ? 1 : -1));
  }

  livesOf(ids: readonly string[]): Promise<ReadonlyMap<string, Life | undefined>> {
    return this.lives.livesOf(ids);
  }

  async epochOf(userId: string): Promise<number> {
    await this.caughtUp();
    await this.confirmed(`@${userId}`);
    return this.knownEpoch(userId);
  }

  raiseEpoch(userId: string): Promise<number> {
    return this.server.direction.write(['raiseEpoch', userId]);
  }

  // --- for sessions that live elsewhere: see `ReplicatedTombstones`

  async entomb(id: string, endsAt: number): Promise<void> {
    await this.server.direction.write(['entomb', id, endsAt]);
  }

  isEntombed(id: string): boolean {
    return this.server.copies.kept(id)?.kind === 'tombstones';
  }

  knownEpoch(userId: string): number {
    return this.server.copies.epochOf(userId);
  }

  /**
   * Waits a little when this server has missed something, until it knows it.
   * @throws StoreUnavailableError when that takes too long
   */
  caughtUp(): Promise<void> {
    return this.server.caughtUp();
  }

  /** A read must not show an entry that this server may have to take back. */
  private async confirmed(key: Key): Promise<void> {
    await this.server.succession?.confirmation.settle(key);
  }
}
